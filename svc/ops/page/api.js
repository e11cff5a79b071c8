// What is asked of the server. Whoever is no longer logged in is told so once, wherever it came out.

const DEADLINE = 30_000; // milliseconds: to step down, another instance has to take over

let signOut = () => {};

/** Whom to tell when the server wants a login. */
export function onSignedOut(tell) {
  signOut = tell;
}

/** What the server answers, as JSON. Rejects with an Error whose message is the server's sentence. */
export async function get(path) {
  return answered(await asked(path));
}

/** Do something; answers the sentence that says what was done. */
export async function act(action, details = {}) {
  const body = JSON.stringify({ action, ...details });
  const headers = { "Content-Type": "application/json" };
  return (await answered(await asked("/ops/act", { method: "POST", headers, body }))).done;
}

async function asked(path, options = {}) {
  try {
    return await fetch(path, { ...options, signal: AbortSignal.timeout(DEADLINE) });
  } catch (problem) {
    const late = problem.name === "TimeoutError";
    throw new Error(late ? "The server did not answer in time." : "The server cannot be reached.");
  }
}

async function answered(answer) {
  if (answer.status === 401) signOut();
  let body;
  try {
    body = await answer.json();
  } catch {
    body = {};
  }
  if (answer.ok) return body;
  const failure = new Error(body.error ?? `The server answered ${answer.status}.`);
  failure.status = answer.status;
  throw failure;
}
