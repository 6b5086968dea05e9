// Whether this browser's bits are those of the host.

const byId = (id) => document.getElementById(id);
const cell = (text) => Object.assign(document.createElement("td"), { textContent: text });

/** An event as its numbers: the order of fields in JSON does not count. */
const numbers = (event) => [event.class, event.start, event.end, event.score];
/** What must be equal. */
const essence = ({ logits, events }) => JSON.stringify([logits, events.map(numbers)]);
const text = (event, labels) => `${labels[event.class]} ${event.start}–${event.end} ${event.score}`;
const eventsIn = (events, labels) => events.map((event) => text(event, labels)).join("; ") || "none";

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
  const all = golden.clips.length;
  byId("bits-said").textContent = `${equal} of ${all} recordings give the same bits here as on the host.`;
  byId("bits-said").classList.toggle("wrong", equal < all);
}
