import type { Attachment, Problem } from "@carrier/client";

import { keepLocal, tidyName } from "../state/files";
import { problemOf } from "../state/problems";

/** The longest time for which an upload makes no progress. */
const STALLED_MS = 60_000;

/** Uploads a file to a chat, and tells the progress, from 0 to 1, which `fetch` cannot. */
export function upload(
  chat: string,
  file: File,
  signal: AbortSignal,
  onProgress: (progress: number) => void,
): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const name = encodeURIComponent(tidyName(file.name));
    request.open("POST", `/v1/chats/${chat}/attachments?name=${name}`);
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.responseType = "json";
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      clearTimeout(timer);
      timer = setTimeout(() => request.abort(), STALLED_MS);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      wait();
      onProgress(loaded / total);
    };
    request.onloadend = () => clearTimeout(timer);
    request.onload = () => {
      if (request.status === 201) {
        const uploaded = request.response as Attachment;
        keepLocal(uploaded, file);
        return resolve(uploaded);
      }
      const problem = request.response as Problem | null;
      const isOurs = problem !== null && "code" in problem; // not one of a proxy
      reject(new Error(isOurs ? problemOf(problem) : "The server didn’t accept this file."));
    };
    signal.addEventListener("abort", () => request.abort());
    request.onerror = () => reject(new Error("No connection."));
    request.onabort = () => reject(new Error("The server isn’t responding."));
    wait();
    request.send(file);
  });
}
