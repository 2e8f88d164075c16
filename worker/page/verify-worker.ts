/** The verifier's own thread. */
self.postMessage({ ready: true });
