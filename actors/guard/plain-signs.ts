// Digits, letters and signs in the one form that standards write them in. Models and editors write others:
// spaces and hyphens that do not break, full width, digits of other scripts. Each unit stays where it is.

const OTHER =
  /[\u00A0\u2000-\u200A\u202F\u205F\u3000\u2010-\u2013\u2212\uFE63\uFF0B\uFF0D\uFF0E\uFF10-\uFF19\uFF20-\uFF3A\uFF3F\uFF41-\uFF5A\u0660-\u0669\u06F0-\u06F9\u0966-\u096F]/g;

/** The text with as many units, those of other forms in the common one. */
export function plainSigns(text: string): string {
  return text.replace(OTHER, plainSign);
}

const ZEROS = [0x660, 0x6f0, 0x966];
/** Between a full-width sign and that of ASCII. */
const FULL_WIDTH = 0xfee0;

function plainSign(sign: string): string {
  const code = sign.charCodeAt(0);
  const zero = ZEROS.find((first) => code >= first && code <= first + 9);
  if (zero !== undefined) return String(code - zero);
  if (code >= 0xff00) return String.fromCharCode(code - FULL_WIDTH);
  // Spaces of all widths end where hyphens begin; the one of Chinese and Japanese lies apart.
  return code < 0x2010 || code === 0x202f || code === 0x205f || code === 0x3000 ? " " : "-";
}
