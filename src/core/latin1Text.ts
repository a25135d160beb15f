const chunk = 8_192;

/** One character a byte, with the byte's number. TextDecoder('latin1') is windows-1252, which moves 0x80 to 0x9f. */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += chunk) text += String.fromCharCode(...bytes.subarray(at, at + chunk));
  return text;
}
