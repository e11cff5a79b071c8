"""Russian, for those who are likely to read it and have chosen no other language."""

from svc.bot.texts.creating_russian import CREATING_RUSSIAN
from svc.bot.texts.plural import Plural
from svc.bot.texts.texts import Buttons, Commands, Texts

RUSSIAN = Texts(
    language="ru",
    name="Русский",
    commands=Commands(
        menu="Все модели по разделам",
        search="Найти модель",
        history="Что вы уже создали",
        lang="Язык / Language",
        settings="Настройки",
        cancel="Отменить то, о чём я спрашиваю",
        help="Как это работает",
    ),
    buttons=Buttons(
        menu="🏠 Меню",
        search="🔎 Поиск",
        help="❓ Помощь",
        history="🗂 История",
        settings="⚙️ Настройки",
        language="🌐 Язык",
        back="⬅️ Назад",
        earlier="◀️",
        later="▶️",
        open_here="Открыть в боте",
    ),
    creating=CREATING_RUSSIAN,
    greeting="👋 Привет! Здесь {models}. Что хотите создать?",
    models=Plural("ru", one="{n} AI-модель", few="{n} AI-модели", many="{n} AI-моделей", other="{n} AI-модели"),
    models_of="<b>{title}</b>: {models}\n\nВыберите модель, чтобы узнать, что она умеет.",
    card="<b>{title}</b>\nРазработчик: {vendor}\n\n{makes}\nЧто понадобится: {needs}.",
    option="• {name}: {values}",
    options="<b>Параметры</b>",
    if_you_like="по желанию",
    more_options="• А ещё: {names}",
    makes={
        "text-to-image": "🖼 Рисует картинку по вашему описанию.",
        "image-to-image": "🖼 Меняет вашу картинку так, как вы скажете.",
        "text-to-video": "🎬 Снимает видео по вашему описанию.",
        "image-to-video": "🎬 Оживляет вашу картинку.",
        "video-to-video": "🎬 Переделывает ваше видео так, как вы скажете.",
        "text-to-speech": "🔊 Читает ваш текст вслух.",
        "audio-to-audio": "🔊 Убирает из записи шум и оставляет голос.",
        "image-upscale": "✨ Делает вашу картинку больше и чётче.",
        "video-upscale": "✨ Делает ваше видео больше и чётче.",
        "background-removal": "✨ Убирает фон с вашей картинки.",
        "audio-to-video": "🗣 Лицо на вашей картинке произносит то, что звучит в записи.",
    },
    tasks={
        "text-to-image": "🖼 Нарисовать картинку",
        "image-to-image": "🖼 Изменить картинку",
        "text-to-video": "🎬 Снять видео",
        "image-to-video": "🎬 Оживить",
        "video-to-video": "🎬 Переделать видео",
        "text-to-speech": "🔊 Прочитать вслух",
        "audio-to-audio": "🔊 Убрать шум",
        "image-upscale": "✨ Увеличить и улучшить",
        "video-upscale": "✨ Увеличить и улучшить",
        "background-removal": "✨ Убрать фон",
        "audio-to-video": "🗣 Сделать говорящим",
    },
    brought={
        "prompt": "✍️ Понятно. Что из этого сделать?",
        "image": "🖼 Картинка есть. Что с ней сделать?",
        "video": "🎬 Видео есть. Что с ним сделать?",
        "audio": "🎙 Запись есть. Что с ней сделать?",
    },
    inputs={
        "prompt": "текст",
        "image": "картинка",
        "video": "видео",
        "audio": "аудиозапись",
    },
    categories={
        "image": "🖼 Картинки",
        "video": "🎬 Видео",
        "audio": "🔊 Звук",
        "music": "🎵 Музыка",
        "enhance": "✨ Улучшение",
        "avatar": "🗣 Аватары",
    },
    flags={True: "да", False: "нет"},
    gone="Этого здесь больше нет. Что хотите создать вместо этого?",
    help=(
        "❓ <b>Как это работает</b>\n\n"
        "Выберите раздел и модель, нажмите «Создать» и пришлите то, о чём я попрошу. "
        "Результат придёт в этот чат.\n\n"
        "Можно и просто прислать картинку, видео или голосовое, описать, что хотите увидеть, или написать название "
        "модели. Опечатки не страшны.\n\n"
        "/menu — все модели, /history — что вы уже создали, /lang — сменить язык, "
        "/cancel — отменить то, о чём я спрашиваю."
    ),
    language_question="🌐 На каком языке мне говорить?",
    language_chosen="Теперь я говорю по-русски.",
    settings="⚙️ <b>Настройки</b>\n\nЯзык: {language}",
    search="🔎 Напишите, что вы ищете: модель, разработчика или «видео». Опечатки не страшны.",
    found="🔎 «{query}»: {models}",
    nothing_found="🔎 По запросу «{query}» ничего не нашлось. Самое похожее:",
    not_even_near="🔎 По запросу «{query}» ничего не нашлось. Попробуйте другое слово или загляните в меню.",
    pointer="Из этого ничего не сделать. Пришлите картинку, видео или голосовое либо напишите, что хотите создать.",
    unknown_command="Такой команды я не знаю. Что хотите создать?",
    nothing_to_cancel="Отменять нечего. Что хотите создать?",
    cancelled="Отменено. Что хотите создать вместо этого?",
    not_editable="То сообщение уже нельзя изменить, поэтому вот новое.",
    too_old="Это меню устарело. Отправьте /start, чтобы получить новое.",
    unknown_press="Эта кнопка больше не работает. Вот новое меню.",
    apology="Извините, что-то пошло не так. Попробуйте ещё раз: /start",
    outage="Извините, меня какое-то время не было, и я пропустил ваши сообщения. Я снова здесь: что хотите создать?",
    no_payments="Спасибо, но платить здесь не за что.",
)
