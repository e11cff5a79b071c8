"""English, for everybody who has chosen no other language and whose app is in none that the bot speaks."""

from svc.bot.texts.creating_english import CREATING_ENGLISH
from svc.bot.texts.plural import Plural
from svc.bot.texts.texts import Buttons, Commands, Texts

ENGLISH = Texts(
    language="en",
    name="English",
    commands=Commands(
        menu="All models by category",
        search="Find a model",
        history="What you have made",
        lang="Language / Язык",
        settings="Settings",
        cancel="Cancel what I'm asking for",
        help="How this works",
    ),
    buttons=Buttons(
        menu="🏠 Menu",
        search="🔎 Search",
        help="❓ Help",
        history="🗂 History",
        settings="⚙️ Settings",
        language="🌐 Language",
        back="⬅️ Back",
        earlier="◀️",
        later="▶️",
        open_here="Open in the bot",
    ),
    creating=CREATING_ENGLISH,
    greeting="👋 Hi! Here you have {models}. What would you like to make?",
    models=Plural("en", one="{n} AI model", other="{n} AI models"),
    models_of="<b>{title}</b>: {models}\n\nPick a model to see what it does.",
    card="<b>{title}</b>\nby {vendor}\n\n{makes}\nWhat you send: {needs}.",
    option="• {name}: {values}",
    options="<b>Options</b>",
    if_you_like="if you like",
    more_options="• And also: {names}",
    makes={
        "text-to-image": "🖼 Makes a picture from your words.",
        "image-to-image": "🖼 Changes your picture as you say.",
        "text-to-video": "🎬 Makes a video from your words.",
        "image-to-video": "🎬 Brings your picture to life.",
        "video-to-video": "🎬 Remakes your video as you say.",
        "text-to-speech": "🔊 Reads your text aloud.",
        "audio-to-audio": "🔊 Takes the noise out of a recording and leaves the voice.",
        "image-upscale": "✨ Makes your picture larger and sharper.",
        "video-upscale": "✨ Makes your video larger and sharper.",
        "background-removal": "✨ Removes the background of your picture.",
        "audio-to-video": "🗣 Makes the face in your picture say what your recording says.",
    },
    tasks={
        "text-to-image": "🖼 Make a picture",
        "image-to-image": "🖼 Change the picture",
        "text-to-video": "🎬 Make a video",
        "image-to-video": "🎬 Bring it to life",
        "video-to-video": "🎬 Remake the video",
        "text-to-speech": "🔊 Read it aloud",
        "audio-to-audio": "🔊 Take the noise out",
        "image-upscale": "✨ Larger and sharper",
        "video-upscale": "✨ Larger and sharper",
        "background-removal": "✨ Remove the background",
        "audio-to-video": "🗣 Make it talk",
    },
    brought={
        "prompt": "✍️ Got it. What shall I make of that?",
        "image": "🖼 Got your picture. What shall I do with it?",
        "video": "🎬 Got your video. What shall I do with it?",
        "audio": "🎙 Got your recording. What shall I do with it?",
    },
    inputs={
        "prompt": "a text",
        "image": "a picture",
        "video": "a video",
        "audio": "a recording",
    },
    categories={
        "image": "🖼 Images",
        "video": "🎬 Video",
        "audio": "🔊 Audio",
        "music": "🎵 Music",
        "enhance": "✨ Enhance",
        "avatar": "🗣 Avatars",
    },
    flags={True: "yes", False: "no"},
    gone="That is not offered any more. What would you like to make instead?",
    help=(
        "❓ <b>How this works</b>\n\n"
        "Pick a category and a model, press Create, and send what it asks for. The result comes into this chat.\n\n"
        "You can also just send a picture, a video or a voice message, describe what you would like to see, or type "
        "the name of a model. Typos are fine.\n\n"
        "/menu shows all models, /history what you have made, /lang changes the language, "
        "/cancel stops what I'm asking for."
    ),
    language_question="🌐 Which language shall I speak?",
    language_chosen="From now on I speak English.",
    settings="⚙️ <b>Settings</b>\n\nLanguage: {language}",
    search="🔎 Type what you are looking for: a model, a maker, or “video”. Typos are fine.",
    found="🔎 “{query}”: {models}",
    nothing_found="🔎 I found nothing for “{query}”. The nearest are:",
    not_even_near="🔎 I found nothing for “{query}”. Try another word, or look through the menu.",
    pointer="I can't make anything of that. Send me a picture, a video or a voice message, or say what to make.",
    unknown_command="I don't know that command. What would you like to make?",
    nothing_to_cancel="There is nothing to cancel. What would you like to make?",
    cancelled="Cancelled. What would you like to make instead?",
    not_editable="I can't change that message any more, so here is a new one.",
    too_old="This menu is too old. Send /start for a new one.",
    unknown_press="This button does nothing any more. Here is a new menu.",
    apology="Sorry, something went wrong with that. Please try /start again.",
    outage="Sorry, I was away for a while and have missed what you wrote. I'm back: what would you like to make?",
    no_payments="Thank you, but there is nothing to pay for here.",
)
