// The stream of the server: connects, tells what comes, and connects again when nothing comes any more.

const SILENCE = 5000; // milliseconds; the server says something twice a second
const RETRY = 1000;
const EVENTS = ["system", "plots", "log"];

/**
 * `told` has a function for each event (`system`, `plots`, `log`), and `opened` and `lost`.
 *
 * While the page is hidden there is no stream: a browser allows few connections to one address, and pages in the
 * background would use them up.
 */
export class Stream {
  constructor(url, told) {
    this.url = url;
    this.told = told;
    document.addEventListener("visibilitychange", () => this.#start());
    this.#start();
  }

  #start() {
    this.#stop();
    if (document.hidden) return;
    this.source = new EventSource(this.url);
    this.source.onopen = () => this.told.opened();
    this.source.onerror = () => this.#lose();
    for (const name of EVENTS) {
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
    this.timer = setTimeout(() => this.#start(), RETRY);
  }

  #stop() {
    clearTimeout(this.timer);
    this.source?.close();
  }
}
