/**
 * Text of strangers, made safe for a terminal: what a function logs must not
 * move the cursor, recolour the screen, set the title or turn the text round.
 */

const CONTROL = /[^\P{Cc}\n\t]|\p{Bidi_Control}|\ufeff/gu;

const shown = (character: string): string => {
  const code = character.codePointAt(0) ?? 0;
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
};

/** Line feeds and tabs stay; a lone carriage return does not. */
export const neutralise = (text: string): string => text.replace(CONTROL, shown);

/** For a place that has one line. */
export const neutraliseLine = (text: string): string =>
  neutralise(text).replaceAll('\n', '\\n').replaceAll('\t', ' ');
