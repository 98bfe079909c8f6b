/* What became of a true neurite or a segment, in words; pure. */

// So many numbers of others are named at most.
const NAMED = 6;

const OTHER = { neurite: "segment", segment: "neurite" };

/** "segments 12, 57": a noun and the numbers of what it names. */
function numbered(noun, numbers) {
  const named = numbers.slice(0, NAMED).join(", ");
  const rest = numbers.length - NAMED;
  return `${noun}${numbers.length > 1 ? "s" : ""} ${named}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** "neurite 41 (1,204 px): split into segments 12, 57"; `facts` are those of its slice. */
function fateOf(facts, kind, number) {
  const own = facts[`${kind}s`];
  const area = own?.area[number - 1];
  if (!area) return `${kind} ${number}`;
  const name = `${kind} ${number} (${grouped(area)} px)`;
  const others = facts[`${OTHER[kind]}s`];
  return others ? `${name}: ${kind === "neurite" ? fateOfNeurite(facts, number) : fateOfSegment(facts, number)}` : name;
}

function fateOfNeurite({ neurites, segments }, number) {
  const pieces = neurites.with[number - 1];
  if (!pieces.length) return "in no segment";
  const beside = [...new Set(pieces.flatMap((one) => segments.with[one - 1]))].filter((one) => one !== number);
  const merged = beside.length ? `merged with ${numbered("neurite", beside)}` : "";
  if (pieces.length > 1) return `split into ${numbered("segment", pieces)}${merged ? `, ${merged}` : ""}`;
  return merged ? `${merged} in segment ${pieces[0]}` : `found whole, segment ${pieces[0]}`;
}

function fateOfSegment({ neurites, segments }, number) {
  const parts = segments.with[number - 1];
  if (!parts.length) return "on no neurite";
  if (parts.length > 1) return `merges ${numbered("neurite", parts)}`;
  const pieces = neurites.with[parts[0] - 1];
  return pieces.length > 1
    ? `neurite ${parts[0]}, split into ${numbered("segment", pieces)}`
    : `neurite ${parts[0]}, found whole`;
}
