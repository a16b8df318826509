import { base64Programs, encodingPrograms } from '../written/encoding.ts';
import { runOf } from '../written/programs.ts';
import { type Area, bytesOf } from './area.ts';

const CHARACTERS = (bytes: Uint8Array): string => String.fromCharCode(...bytes);

export const encoding: Area = {
  written: runOf(encodingPrograms),
  decode: ([label, fatal, ignoreBOM, bytes]: [string, boolean, boolean, number[]]) =>
    new TextDecoder(label, { fatal, ignoreBOM }).decode(bytesOf(bytes)),
  stream: ([label, fatal, chunks]: [string, boolean, number[][]]) => {
    const decoder = new TextDecoder(label, { fatal });
    const text = chunks.map((chunk) => decoder.decode(bytesOf(chunk), { stream: true }));
    // How much is held back between chunks is told by what has come out by each.
    return [text, decoder.decode()];
  },
  encode: (text: string) => new TextEncoder().encode(text),
  encodeInto: ([text, room]: [string, number]) => {
    const to = new Uint8Array(room);
    return [new TextEncoder().encodeInto(text, to), to];
  },
  labels: (label: string) => new TextDecoder(label).encoding,
  decoderStream: async ([label, chunks]: [string, number[][]]) => {
    const stream = new ReadableStream({
      start(controller) {
        for (const chunk of chunks) controller.enqueue(bytesOf(chunk));
        controller.close();
      },
    }).pipeThrough(new TextDecoderStream(label));
    let text = '';
    for await (const part of stream as unknown as AsyncIterable<string>) text += part;
    return text;
  },
  encoderStream: async (parts: string[]) => {
    const stream = ReadableStream.from(parts).pipeThrough(new TextEncoderStream());
    const bytes: number[] = [];
    for await (const part of stream as unknown as AsyncIterable<Uint8Array>) bytes.push(...part);
    return bytes;
  },
};

export const base64: Area = {
  written: runOf(base64Programs),
  atob: (text: string) => atob(text),
  btoa: (text: string) => btoa(text),
  round: (bytes: number[]) => atob(btoa(CHARACTERS(bytesOf(bytes)))),
};
