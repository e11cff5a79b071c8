// The echo bot in grammY.

import { createServer } from "node:http";
import { Bot, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const { BOT_TOKEN, API_ROOT, WEBHOOK_URL } = process.env;
const SECRET = "grammy-secret";

const bot = new Bot(BOT_TOKEN, { client: { apiRoot: API_ROOT } });

bot.command("start", (ctx) => ctx.reply("Hello!", { reply_markup: new InlineKeyboard().text("Press me", "press") }));

bot.callbackQuery("press", async (ctx) => {
  await ctx.answerCallbackQuery("Thank you");
  await ctx.editMessageText("Pressed.");
});

bot.on("message:photo", (ctx) => ctx.replyWithPhoto(ctx.message.photo.at(-1).file_id, { caption: ctx.message.caption }));

bot.on("message:document", async (ctx) => {
  const { file_path } = await ctx.getFile();
  const content = await (await fetch(`${API_ROOT}/file/bot${BOT_TOKEN}/${file_path}`)).arrayBuffer();
  await ctx.replyWithDocument(new InputFile(new Uint8Array(content), ctx.message.document.file_name));
});

bot.on("message:text", (ctx) => ctx.reply(ctx.message.text, { entities: ctx.message.entities }));

if (WEBHOOK_URL) {
  const { hostname, port } = new URL(WEBHOOK_URL);
  const server = createServer(webhookCallback(bot, "http", { secretToken: SECRET }));
  server.listen(port, hostname, () => bot.api.setWebhook(WEBHOOK_URL, { secret_token: SECRET }));
  process.once("SIGTERM", () => server.close());
} else {
  process.once("SIGTERM", () => bot.stop());
  await bot.start();
}
