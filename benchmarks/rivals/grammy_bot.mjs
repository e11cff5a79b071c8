// The bot in grammY, on node's own HTTP server: a middleware writes each update's id down before the handlers and skips
// what it has seen; the update is acknowledged after its handler has run. grammY's client keeps its connections alive
// and opens as many as it needs.

import { createServer } from "node:http";
import { Bot, InlineKeyboard, webhookCallback } from "grammy";
import pg from "pg";

const { BOT_TOKEN, DATABASE_URL, PORT, TELEGRAM_API_ROOT, WEBHOOK_SECRET } = process.env;
const TABLE = `create table if not exists processed_updates (
    update_id bigint primary key, update_type text not null, processed_at timestamptz not null default now())`;
// With a name it is prepared once for each connection, as asyncpg does of itself.
const REMEMBER = {
  name: "remember",
  text: "insert into processed_updates (update_id, update_type) values ($1, $2) on conflict do nothing",
};
const ITEMS = ["Chat", "Pictures", "Video", "Music", "Models", "Profile", "Language", "Help"];

const pool = new pg.Pool({ connectionString: DATABASE_URL, min: 10, max: 20 });
const menu = new InlineKeyboard(
  [0, 2, 4, 6].map((first) =>
    ITEMS.slice(first, first + 2).map((item) => InlineKeyboard.text(item, `menu:${item.toLowerCase()}`)),
  ),
);

const bot = new Bot(BOT_TOKEN, { client: { apiRoot: TELEGRAM_API_ROOT } });

bot.use(async (ctx, next) => {
  const kind = Object.keys(ctx.update).find((key) => key !== "update_id");
  const { rowCount } = await pool.query({ ...REMEMBER, values: [ctx.update.update_id, kind] });
  if (rowCount === 1) await next();
});

bot.command("start", (ctx) => ctx.reply(`Hello, ${ctx.from.first_name}! What shall we do?`, { reply_markup: menu }));

await pool.query(TABLE);
await bot.init();
const handle = webhookCallback(bot, "http", { secretToken: WEBHOOK_SECRET });
const server = createServer((request, response) => {
  if (request.url !== "/healthz") return handle(request, response);
  return response.end('{"state": "ACTIVE"}');
});
server.keepAliveTimeout = 60_000;
server.listen(Number(PORT), "127.0.0.1");

process.once("SIGTERM", () => {
  server.close(() => pool.end());
  server.closeIdleConnections();
});
