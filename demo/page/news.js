// What has happened, in a sentence: seen in the bar at the bottom, and heard.

import { element, setAttribute, setText } from "./dom.js";

const HEARD = 3; // sentences that are kept for who hears the page

export class News {
  constructor(line, announcer) {
    this.mark = element("span", { class: "sign", "aria-hidden": "true" });
    this.words = element("span");
    line.append(this.mark, this.words);
    this.line = line;
    this.announcer = announcer;
    this.announce = this.announce.bind(this);
    this.refused = this.refused.bind(this);
  }

  show({ news }) {
    if (news === this.latest) return;
    this.latest = news;
    this.#say(news, false);
  }

  /** Something could not be done: this stands until the next news. */
  refused(why) {
    this.#say(why, true);
  }

  /** Say it to who hears the page, and to nobody else. */
  announce(text) {
    this.announcer.append(element("p", { text }));
    while (this.announcer.childElementCount > HEARD) this.announcer.firstChild.remove();
  }

  #say(text, refused) {
    setAttribute(this.line, "data-refused", refused);
    setText(this.mark, refused ? "!" : "");
    setText(this.words, text);
    if (text) this.announce(text);
  }
}
