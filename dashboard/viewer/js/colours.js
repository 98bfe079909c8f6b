/* What each colour of the viewer means; charts and pictures have the same ones in dashboard/figures/colours.py. */

const MISSED = "#0072B2",
  FALSE = "#D55E00",
  NEAR = "#F0E442",
  WRONG = "#FF0000",
  UNKNOWN = "#8A8F98";
/** With MISSED and FALSE, what a wrong pixel is part of: missed membrane in blues, false membrane in reds. */
const THIN = "#56B4E9",
  THICK = "#E69F00",
  OBJECT_MISSED = "#8A3D00",
  OBJECT_INVENTED = "#00405F";
const LABEL = "#2AD1D9",
  PREDICTION = "#CC79A7";
/** Of two runs that are compared: right in the other only, in the shown one only, and in neither. */
const FIXED = "#009E73",
  BROKEN = "#E69F00",
  WRONG_IN_BOTH = "#882255";
/** Of lines around what was chosen: true is as the label, predicted as the prediction. */
const OUTLINES = { neurite: LABEL, segment: "#FF9ECF" };
