/** Uploads a file to a chat, and tells how far it is (which `fetch` cannot). */

import type { Attachment, Problem } from "@carrier/client";

export function upload(chat: string, file: File, abort: AbortSignal, onProgress: (of1: number) => void): Promise<Attachment> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/v1/chats/${chat}/attachments?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => onProgress(loaded / total);
    request.onload = () => {
      if (request.status === 201) resolve(request.response as Attachment);
      else reject(new Error((request.response as Problem | null)?.detail ?? "It was refused."));
    };
    abort.addEventListener("abort", () => request.abort());
    request.onerror = () => reject(new Error("No connection."));
    request.send(file);
  });
}
