// Server-sent events, each with JSON. A page that nobody sees holds no connection: a browser has but six for a host.

export class Stream {
  #source = null;
  #look = () => (document.hidden ? this.#close() : this.#open());

  // `handlers` by the name of the event get its data; `lost(true)` is called when the connection breaks, `lost(false)`
  // when it is there again.
  constructor(address, handlers, lost) {
    Object.assign(this, { address, handlers, lost });
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  destroy() {
    document.removeEventListener("visibilitychange", this.#look);
    this.#close();
  }

  #open() {
    if (this.#source) return;
    const source = (this.#source = new EventSource(this.address));
    source.onopen = () => this.lost(false);
    source.onerror = () => {
      this.lost(true);
      // After a refusal the browser gives up; the server may be back later.
      if (source.readyState === EventSource.CLOSED) setTimeout(() => this.#reopen(source), 2000);
    };
    for (const [name, handle] of Object.entries(this.handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
  }

  #reopen(source) {
    if (this.#source !== source) return;
    this.#close();
    this.#look();
  }

  #close() {
    this.#source?.close();
    this.#source = null;
  }
}
