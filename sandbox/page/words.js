// The words of the app, in the languages that it speaks. A person with another language has them in English.

const WORDS = {
  en: {
    people: "People", addPerson: "Add a person", name: "Name", language: "Language", add: "Add", cancel: "Cancel",
    chatWith: "Chat with", bot: "bot", empty: "No messages here yet.", start: "Start", text: "Message", send: "Send",
    commands: "Commands", attach: "Attach a file", results: "Results", results0: "Nothing found", newest: "To the newest message",
    today: "Today", yesterday: "Yesterday", edited: "edited", sent: "Sent", delivered: "Taken by the bot", you: "You",
    photo: "Photo", video: "Video", sound: "Sound", voice: "Voice message", sticker: "Sticker", file: "File", message: "Message",
    open: "Open the photo", close: "Close", hidden: "Hidden text, show it", more: "Show more", less: "Show less",
    pinned: "pinned a message", forwarded: "Forwarded from", via: "via", reply: "Reply to", noReply: "Don't reply", replyKeyboard: "Answers",
    ok: "OK", copied: "Copied", cannot: "This button does nothing here", code: "Copy the code",
    blocked: "You have blocked this bot.", unblock: "Unblock",
    offline: "no connection", notTaken: "The bot has not taken your message yet. It gets it as soon as it is back.",
    unread: (count) => `${count} unread`,
    actions: {
      typing: "typing", upload_photo: "sending a photo", record_video: "recording a video", upload_video: "sending a video",
      record_voice: "recording a voice message", upload_voice: "sending a voice message", upload_document: "sending a file",
      choose_sticker: "choosing a sticker", find_location: "finding a location", record_video_note: "recording a video message",
      upload_video_note: "sending a video message",
    },
  },
  ru: {
    people: "Люди", addPerson: "Добавить человека", name: "Имя", language: "Язык", add: "Добавить", cancel: "Отмена",
    chatWith: "Чат с", bot: "бот", empty: "Здесь пока нет сообщений.", start: "Начать", text: "Сообщение", send: "Отправить",
    commands: "Команды", attach: "Прикрепить файл", results: "Результаты", results0: "Ничего не найдено", newest: "К последнему сообщению",
    today: "Сегодня", yesterday: "Вчера", edited: "изменено", sent: "Отправлено", delivered: "Бот получил", you: "Вы",
    photo: "Фото", video: "Видео", sound: "Звук", voice: "Голосовое сообщение", sticker: "Стикер", file: "Файл", message: "Сообщение",
    open: "Открыть фото", close: "Закрыть", hidden: "Скрытый текст, показать", more: "Показать всё", less: "Свернуть",
    pinned: "закрепил сообщение", forwarded: "Переслано от", via: "через", reply: "В ответ на", noReply: "Не отвечать", replyKeyboard: "Ответы",
    ok: "ОК", copied: "Скопировано", cannot: "Эта кнопка здесь не работает", code: "Скопировать код",
    blocked: "Вы заблокировали этого бота.", unblock: "Разблокировать",
    offline: "нет связи", notTaken: "Бот ещё не получил ваше сообщение. Он получит его, как только вернётся.",
    unread: (count) => `непрочитанных: ${count}`,
    actions: {
      typing: "печатает", upload_photo: "отправляет фото", record_video: "записывает видео", upload_video: "отправляет видео",
      record_voice: "записывает голосовое", upload_voice: "отправляет голосовое", upload_document: "отправляет файл",
      choose_sticker: "выбирает стикер", find_location: "ищет место", record_video_note: "записывает видеосообщение",
      upload_video_note: "отправляет видеосообщение",
    },
  },
};

export const LANGUAGES = { en: "English", ru: "Русский" };

export const spoken = (code) => (code.split("-")[0] in WORDS ? code.split("-")[0] : "en");
export const wordsOf = (code) => WORDS[spoken(code)];
