const VIEWERS = new WeakMap();

export default function ({ data, parentElement, setStateValue }) {
  let viewer = VIEWERS.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement);
    VIEWERS.set(parentElement, viewer);
  }
  viewer.exchange.report = (view) => setStateValue("view", view);
  viewer.update(data);
  // Called on new data too: only what is gone from the page is removed.
  return () =>
    setTimeout(() => {
      if (parentElement.isConnected || VIEWERS.get(parentElement) !== viewer) return;
      VIEWERS.delete(parentElement);
      viewer.remove();
    }, 500);
}
