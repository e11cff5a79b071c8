// The stream of the server. It connects again by itself; where the server wants a login, it stays away and says so.

import { get } from "./api.js";

const SILENCE = 10_000; // milliseconds; the server tells how it is once a second
const RETRY = 1000;

/**
 * `told` has a function for each event (`overview`, `plots`), and `lost`, which is called when nothing comes any more.
 *
 * While the page is hidden there is no stream: the server looks at the database only for pages that somebody sees.
 */
export class Stream {
  constructor(told) {
    this.told = told;
    this.hours = 0;
    this.ended = false;
    document.addEventListener("visibilitychange", () => this.#start());
  }

  /** Begin, or go on with another window. */
  show(hours) {
    this.hours = hours;
    this.#start();
  }

  /** Never connect again. */
  end() {
    this.ended = true;
    this.#stop();
  }

  #start() {
    this.#stop();
    if (document.hidden) this.told.lost();
    if (document.hidden || this.ended || !this.hours) return;
    this.source = new EventSource(`/ops/stream?hours=${this.hours}`);
    this.source.onerror = () => this.#lose();
    for (const name of ["overview", "plots"]) {
      this.source.addEventListener(name, (event) => {
        this.#listen();
        this.told[name](JSON.parse(event.data));
      });
    }
    this.#listen();
  }

  #listen() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#lose(), SILENCE);
  }

  #lose() {
    this.#stop();
    this.told.lost();
    this.timer = setTimeout(() => this.#tryAgain(), RETRY);
  }

  /** An EventSource does not tell why it failed: a request does, and a 401 ends the stream. */
  async #tryAgain() {
    try {
      await get("/ops/states");
    } catch {
      // Still lost, and shown so: the next try follows, unless `end` was called.
    }
    this.#start();
  }

  #stop() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}
