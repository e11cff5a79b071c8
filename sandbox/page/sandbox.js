// The sandbox's own page: the messenger, and beside it what a bot's developer needs.

import { Acts } from "./acts.js";
import { Api } from "./api.js";
import { CallLog } from "./call_log.js";
import { Faults } from "./faults.js";
import { Messenger } from "./messenger.js";

const at = (id) => document.getElementById(id);
const api = new Api("");

new Messenger(at("messenger"));
const faults = new Faults(
  { form: at("fault-form"), list: at("faults"), clear: at("clear-faults"), said: at("said") },
  api,
);
new Acts(at("acts"), at("said"), api);
new CallLog(
  { list: at("calls"), none: at("no-calls"), polls: at("polls"), filter: at("filter"), clear: at("clear-log") },
  () => faults.look(),
);
at("root").textContent = location.origin;
