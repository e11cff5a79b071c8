// The echo bot in grammY.

import { createServer } from "node:http";
import { Bot, InlineKeyboard, InputFile, webhookCallback } from "grammy";

const { BOT_TOKEN: token, API_ROOT: root, WEBHOOK_URL: url } = process.env;
const SECRET = "grammy-secret";

const bot = new Bot(token, { client: { apiRoot: root } });

bot.command("start", (ctx) => ctx.reply("Hello!", { reply_markup: new InlineKeyboard().text("Press me", "press") }));

bot.callbackQuery("press", async (ctx) => {
  await ctx.answerCallbackQuery("Thank you");
  await ctx.editMessageText("Pressed.");
});

bot.on("message:photo", (ctx) => ctx.replyWithPhoto(ctx.message.photo.at(-1).file_id, { caption: ctx.message.caption }));

bot.on("message:document", async (ctx) => {
  const { file_path } = await ctx.getFile();
  const content = await (await fetch(`${root}/file/bot${token}/${file_path}`)).arrayBuffer();
  await ctx.replyWithDocument(new InputFile(new Uint8Array(content), ctx.message.document.file_name));
});

bot.on("message:text", (ctx) => ctx.reply(ctx.message.text, { entities: ctx.message.entities }));

if (url) {
  const { hostname, port } = new URL(url);
  const server = createServer(webhookCallback(bot, "http", { secretToken: SECRET }));
  server.listen(port, hostname, () => bot.api.setWebhook(url, { secret_token: SECRET }));
  process.once("SIGTERM", () => server.close());
} else {
  process.once("SIGTERM", () => bot.stop());
  await bot.start();
}
