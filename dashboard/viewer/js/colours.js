/* What each colour of the viewer means; charts and pictures have the same ones in dashboard/figures/colours.py. */

const MISSED = "#0072B2",
  FALSE = "#D55E00",
  NEAR = "#F0E442",
  WRONG = "#FF0000",
  UNKNOWN = "#8A8F98";
const LABEL = "#2AD1D9",
  PREDICTION = "#CC79A7";
/** Of lines around what was chosen: true is as the label, predicted as the prediction. */
const OUTLINES = { neurite: LABEL, segment: "#FF9ECF" };
