// What must be live: time that is left, and pages that follow what happens. Everything else works without it.
"use strict";
(() => {
  const zh = document.documentElement.lang.startsWith("zh");
  const units = zh ? ["天", "小时", "分钟", "秒"] : ["d", "h", "min", "s"];

  // Business time runs only while the calendar is open: `data-left` milliseconds at the moment that part of
  // the page came, counted down until `data-flip` milliseconds have passed, when it opens or closes.
  const seen = new WeakMap();
  const written = (ms) => {
    const s = Math.floor(Math.abs(ms) / 1000);
    const parts = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60, s % 60];
    const first = parts.findIndex((part) => part > 0);
    const from = first < 0 ? 3 : Math.min(first, 2);
    return parts.slice(from, from + 2).map((part, i) => `${part} ${units[from + i]}`).join(" ");
  };
  const tick = () => {
    for (const el of document.querySelectorAll("[data-left]")) {
      if (!seen.has(el)) seen.set(el, performance.now());
      const passed = performance.now() - seen.get(el);
      const left = Number(el.dataset.left);
      const flip = el.dataset.flip === undefined ? Infinity : Number(el.dataset.flip);
      const open = el.dataset.open === "true";
      const used = open ? Math.min(passed, flip) : Math.max(0, passed - flip);
      const now = left - used;
      const text = written(now);
      const over = zh ? `超期 ${text}` : `${text} over`;
      const shown = now < 0 ? over : zh ? `剩余 ${text}` : `${text} left`;
      // Its calendar opens or closes, for everybody at once: up to the next time, how it goes on is asked for at leisure.
      if (passed > flip && live && !el.dataset.turned) { el.dataset.turned = "true"; soon(60000); }
      if (el.textContent !== shown) el.textContent = shown;
      el.classList.toggle("bad", now < 0);
    }
  };
  tick();
  setInterval(tick, 1000);

  // Live: a page that names what it shows is told when that changed, and takes its live parts anew. One stream
  // for a page, none while nobody looks at it; the browser connects again by itself, a little later each time.
  const live = document.querySelector("[data-live]");
  // How often a page is told, the server paces.
  let source, waiting, lost, retry = 1000;
  const refresh = async () => {
    waiting = undefined;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, credentials: "same-origin" });
    if (!answer.ok || answer.redirected) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = next.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!fresh || fresh.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
      part.replaceWith(fresh);
      fresh.classList.add("changed");
    }
  };
  // Many pages may be told at the same moment: each waits a little, so that they do not all ask at once.
  const soon = (within = 1000) => {
    waiting ??= setTimeout(refresh, 200 + Math.random() * within);
  };
  const follow = () => {
    if (source || document.hidden) return;
    // What happened while the stream was gone was told to nobody.
    source = new EventSource(live.dataset.live + (lost ? "&again=true" : ""));
    source.onopen = () => {
      retry = 1000;
      lost = false;
      live.dataset.open = "true";
    };
    source.addEventListener("changed", () => soon());
    source.onerror = () => {
      source.close();
      source = undefined;
      lost = true;
      setTimeout(() => { if (!document.hidden) follow(); }, retry + Math.random() * 500);
      retry = Math.min(retry * 2, 30000);
    };
  };
  if (live && "EventSource" in window) {
    follow();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden && source) { source.close(); source = undefined; } else if (!document.hidden) { refresh(); follow(); }
    });
  }

  // A diagram shows where its case is, else where every case starts.
  const aim = (view) => {
    const aimed = view.querySelector("[aria-current=true]") ?? view.querySelector(".start");
    if (aimed) {
      const [a, b] = [aimed.getBoundingClientRect(), view.getBoundingClientRect()];
      view.scrollTo(a.left - b.left - view.clientWidth / 2 + a.width / 2, a.top - b.top - view.clientHeight / 2);
    }
  };
  document.querySelectorAll(".diagram").forEach(aim);

  // What comes of an answer that takes long: first how far it is, `<!--37-->` for each look, then the page.
  const received = async (answer, bar) => {
    const reader = answer.body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += decoder.decode(value, { stream: true });
      const told = /^(?:<!--(\d+)-->\n)+/.exec(text);
      if (bar && told) { bar.max = 100; bar.value = Number(told[1]); }
    }
  };
  // Parts that take long are fetched after the page; what was a link becomes a sign of progress meanwhile.
  for (const slot of document.querySelectorAll("[data-load]")) {
    for (const part of slot.children) part.hidden = !part.hidden;
    slot.setAttribute("aria-busy", "true");
    fetch(slot.dataset.load, { headers: { Accept: "text/html" }, credentials: "same-origin" })
      .then((answer) => received(answer, slot.querySelector("progress")))
      .then((text) => {
        const next = new DOMParser().parseFromString(text, "text/html");
        const part = next.querySelector("[data-loaded]") ?? next.querySelector("main");
        slot.replaceChildren(...part.childNodes);
        slot.querySelectorAll(".diagram").forEach(aim);
      })
      .catch(() => { for (const part of slot.children) part.hidden = !part.hidden; })
      .finally(() => slot.removeAttribute("aria-busy"));
  }

  // All boxes of a table at once; how many are chosen.
  for (const all of document.querySelectorAll("[data-all]")) {
    const boxes = () => [...document.querySelectorAll(`input[name="${all.dataset.all}"]`)];
    all.addEventListener("change", () => boxes().forEach((box) => { box.checked = all.checked; }));
  }

  // Of several groups of fields the chosen one is shown.
  for (const which of document.querySelectorAll("[data-union]")) {
    const show = () => {
      for (const group of document.querySelectorAll(`[data-of="${which.dataset.union}"]`)) {
        group.hidden = group.dataset.case !== which.value;
      }
    };
    which.addEventListener("change", show);
    show();
  }
})();
