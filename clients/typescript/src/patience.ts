/** Requests that end: one to a server that has gone would otherwise wait for ever. */

/** `fetch`, with a time in ms that this request has on top of the others' patience. */
export type Fetch = (
  input: Parameters<typeof fetch>[0],
  init?: RequestInit,
  more?: number,
) => Promise<Response>;

/** Statuses of answers that have no body, with which no other `Response` could be made. */
const EMPTY = [204, 205, 304];

/**
 * Returns a `fetch` that fails when nothing came for so many ms: neither the head of the answer
 * nor, while somebody waits for it, a further piece. A large answer takes as long as it takes, and
 * so does its reader.
 */
export function withPatience(send: typeof fetch, patience: number): Fetch {
  return async (input, init, more = 0) => {
    const stop = new AbortController();
    const given = init?.signal ?? (input instanceof Request ? input.signal : undefined);
    const follow = () => stop.abort(given?.reason);
    if (given?.aborted === true) follow();
    given?.addEventListener("abort", follow);
    const end = () => given?.removeEventListener("abort", follow);
    /** Waits for something, at most so many ms. */
    const within = async <T>(come: Promise<T>, ms: number): Promise<T> => {
      const timer = setTimeout(() => stop.abort(late()), ms);
      try {
        return await come;
      } finally {
        clearTimeout(timer);
      }
    };
    try {
      const response = await within(send(input, { ...init, signal: stop.signal }), patience + more);
      // Chromium gives an empty answer a body.
      if (response.body === null || EMPTY.includes(response.status)) {
        end();
        return response;
      }
      return watched(response, response.body, (piece) => within(piece, patience), end);
    } catch (error) {
      end();
      throw error;
    }
  };
}

const late = () => new DOMException("The server did not answer in time.", "TimeoutError");

/** Returns the same answer, which waits for each piece of its body and tells of the end. */
function watched(
  response: Response,
  body: ReadableStream<Uint8Array>,
  wait: <T>(piece: Promise<T>) => Promise<T>,
  onEnd: () => void,
): Response {
  const reader = body.getReader();
  const pieces = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await wait(reader.read());
          if (!done) return controller.enqueue(value);
          onEnd();
          controller.close();
        } catch (error) {
          onEnd();
          controller.error(error);
        }
      },
      cancel(reason) {
        onEnd();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 }, // nothing is asked for that nobody waits for
  );
  const { status, statusText, headers } = response;
  return new Response(pieces, { status, statusText, headers });
}
