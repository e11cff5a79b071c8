// Requests to the sandbox. A refusal is thrown as an Error with the sandbox's own words.

export class Api {
  constructor(base) {
    this.base = base;
  }

  async get(path) {
    return this.#read(await fetch(this.base + path, { signal: AbortSignal.timeout(10_000) }));
  }

  async post(path, body) {
    return this.send("POST", path, JSON.stringify(body), "application/json");
  }

  async send(method, path, body, type) {
    const headers = type ? { "Content-Type": type } : {};
    return this.#read(await fetch(this.base + path, { method, headers, body, signal: AbortSignal.timeout(60_000) }));
  }

  media(file) {
    return `${this.base}/media/${encodeURIComponent(file.file_id)}`;
  }

  async #read(answer) {
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error ?? `HTTP ${answer.status}`);
    return told;
  }
}
