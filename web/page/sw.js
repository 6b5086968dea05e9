// Keeps the page for use without a network. A new build has another version, and so a store of its own.
importScripts("files.js");

const STORE = `heedful-${self.FILES.version}`;
const PAGES = self.FILES.files.map(({ path }) => path);

addEventListener("install", (event) => {
  const store = async () => {
    const cache = await caches.open(STORE);
    // Past the browser's own store, which may hold files of an older build.
    await cache.addAll(["./", ...PAGES].map((path) => new Request(path, { cache: "reload" })));
    await self.skipWaiting();
  };
  event.waitUntil(store());
});

addEventListener("activate", (event) => {
  const old = async () => {
    const names = await caches.keys();
    const others = names.filter((name) => name.startsWith("heedful-") && name !== STORE);
    await Promise.all(others.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(old());
});

addEventListener("fetch", (event) => {
  if (event.request.method !== "GET") return;
  const answer = async () => {
    const cache = await caches.open(STORE);
    return (await cache.match(event.request, { ignoreSearch: true })) ?? fetch(event.request);
  };
  event.respondWith(answer());
});
