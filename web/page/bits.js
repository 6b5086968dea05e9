// Whether this browser's bits are those of the host.

const byId = (id) => document.getElementById(id);
const cell = (text) => Object.assign(document.createElement("td"), { textContent: text });

/** What must be equal; the order of fields in JSON does not count. */
const essence = ({ logits, events }) =>
  JSON.stringify([logits, events.map(({ class: label, start, end, score }) => [label, start, end, score])]);

const eventsIn = (events, labels) =>
  events.map(({ class: label, start, end, score }) => `${labels[label]} ${start}–${end} ${score}`).join("; ") || "none";

/** A row for the host, and one for here, of each recording; whether all are equal. */
export function showBits(golden, heard, labels) {
  let equal = 0;
  const rows = golden.clips.flatMap((host, i) => {
    const here = heard[i];
    const isSame = essence(host) === essence(here);
    equal += isSame ? 1 : 0;
    return [["host", host], ["here", here]].map(([where, { logits, events }]) => {
      const row = document.createElement("tr");
      row.append(cell(host.file), cell(where), cell(logits.join(" ")), cell(eventsIn(events, labels)));
      row.append(cell(where === "here" ? (isSame ? "yes" : "NO") : ""));
      return row;
    });
  });
  byId("bits").tBodies[0].replaceChildren(...rows);
  byId("bits-said").textContent = `${equal} of ${golden.clips.length} recordings give the same bits here as on the host.`;
  byId("bits-said").classList.toggle("wrong", equal < golden.clips.length);
}
