// Texts that live long. What is cut out of a longer text (an id out of a log entry) may keep all of that in memory.

/** Shorter texts are copied when they are cut out (V8). */
const CUT_CHARACTERS_MIN = 13;
const CHARACTERS_AT_ONCE = 8_192;

/** The same text in memory of its own. */
export function ownText<Text extends string>(text: Text): Text {
  if (text.length < CUT_CHARACTERS_MIN || text.length > CHARACTERS_AT_ONCE) return text;
  const codes: number[] = [];
  for (let at = 0; at < text.length; at++) codes.push(text.charCodeAt(at));
  return String.fromCharCode.apply(null, codes) as Text;
}
