// Files, both ways. A script of its own, fetched when it is first needed: most visitors send and fetch none.

const TRIES = 8;
const MEBIBYTE = 1_048_576;

/** Saves a file of an answer, once it is there. */
export async function download(fetched) {
  const { name, media_type, data } = await fetched;
  const link = document.createElement("a");
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  link.href = URL.createObjectURL(new Blob([bytes], { type: media_type }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

const english = {
  attach: "Attach a file",
  most: "at most",
  uploading: "Upload",
  refusedType: "this cannot be read here:",
  empty: "it is empty",
};

/** Puts a button for one file at a time into the form. */
export function attach({ got, words, link, view }) {
  const rules = got.files;
  const labels = { ...english, ...words };
  const { form, notice: say } = view;
  const made = (name, values) => Object.assign(document.createElement(name), values);
  const most = `${Math.floor((rules.bytes_max / MEBIBYTE) * 10) / 10} MB`;
  const picker = made("input", { type: "file", hidden: true });
  const bar = made("progress", { max: 1, value: 0, hidden: true });
  const title = `${labels.attach} (${labels.most} ${most})`;
  const button = made("button", { type: "button", textContent: "📎", title });
  button.setAttribute("aria-label", title);
  bar.setAttribute("aria-label", labels.uploading);
  // The form has one line: what there is to see of an upload stands above it.
  form.before(bar);
  form.prepend(picker, button);
  button.onclick = () => picker.click();
  picker.onchange = async () => {
    const [file] = picker.files;
    picker.value = "";
    if (!file) return;
    const [kind] = file.type.split("/");
    if (rules.refused.includes(kind)) return say(`${file.name}: ${labels.refusedType} ${kind}`);
    if (file.size === 0 || file.size > rules.bytes_max)
      return say(`${file.name}: ${file.size === 0 ? labels.empty : `${labels.most} ${most}`}`);
    button.disabled = true;
    bar.hidden = false;
    say("");
    try {
      const shown = `📎 ${file.name}`;
      view.own(link.send({ file: await upload(file), shown }), shown);
    } catch (error) {
      say(`${file.name}: ${labels.failed} ${error.message}`);
    }
    button.disabled = false;
    bar.hidden = true;
  };

  async function upload(file) {
    const id = crypto.randomUUID();
    const pieces = [];
    const { size: bytes, name, type: media_type } = file;
    for (let at = 0; at < bytes; at += rules.piece_bytes) {
      bar.value = at / bytes;
      const data = await base64(file.slice(at, at + rules.piece_bytes));
      const piece = { file: id, index: pieces.length, bytes, data };
      pieces.push(await delivered(piece));
    }
    return { id, name: name.slice(-200), media_type, bytes, pieces };
  }

  /** The same piece again is the same piece. */
  async function delivered(piece) {
    for (let failures = 0; ; failures += 1) {
      try {
        return (await link.call("/upload", piece)).seq;
      } catch (error) {
        if (link.isFinal(error) || failures === TRIES) throw error;
        await link.pause(failures, error.waitMs);
      }
    }
  }
}

function base64(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.replace(/^[^,]*,/, ""));
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}
