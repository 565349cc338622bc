"use strict";
// What is shown comes from requests of others: it is put in as text, never as markup.

const at = (id) => document.getElementById(id);
const make = (name, fields = {}, ...children) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
};
const SVG = "http://www.w3.org/2000/svg";
const draw = (name, attributes) => {
  const drawn = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) drawn.setAttribute(key, value);
  return drawn;
};
const seconds = (s) =>
  s < 10 ? `${s.toFixed(1)} s` : s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
const millis = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : seconds(ms / 1000));
const sum = (list) => list.reduce((a, b) => a + b, 0);

let key = sessionStorage.getItem("buttress-admin-key");
const headers = () => (key ? { authorization: `Bearer ${key}` } : {});

// What went wrong stays until the next change.
async function change(path, body) {
  const alert = at("alert");
  alert.textContent = "";
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers() },
    body: JSON.stringify(body),
  }).catch(() => null);
  if (!answer?.ok) {
    const told = await answer?.json().catch(() => null);
    alert.textContent = `Nothing was changed: ${told?.error || answer?.status || "no answer"}`;
  }
}

// It is read out when it changes, and only then.
function stand(words, since = "") {
  if (at("standing").textContent !== words) at("standing").textContent = words;
  at("since").textContent = since;
}

// Things that stay are changed in place, so that the focus stays where it is.
function keep(parent, id, build) {
  let child = [...parent.children].find((child) => child.dataset.id === id);
  if (!child) {
    child = build();
    child.dataset.id = id;
    parent.append(child);
  }
  return child;
}
function forget(parent, ids) {
  for (const child of [...parent.children]) if (!ids.includes(child.dataset.id)) child.remove();
}
const part = (parent, name) => parent.querySelector(`[data-part="${name}"]`);
const place = (element, name) => {
  element.dataset.part = name;
  return element;
};

// Bars for each step, one kind upon the other; the first kind is at the bottom.
function bars(svg, kinds) {
  const steps = kinds[0].values.length;
  const most = Math.max(1, ...Array.from({ length: steps }, (_, i) => sum(kinds.map((kind) => kind.values[i]))));
  svg.setAttribute("viewBox", `0 0 ${steps * 5} 60`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.replaceChildren(draw("rect", { x: 0, y: 59, width: steps * 5, height: 1, class: "rest" }));
  for (let i = 0; i < steps; i++) {
    let top = 60;
    for (const kind of kinds) {
      const height = (kind.values[i] / most) * 58;
      if (height <= 0) continue;
      top -= height;
      svg.append(draw("rect", { x: i * 5 + 0.5, y: top, width: 4, height, class: kind.colour }));
    }
  }
}

function chart(id, title, note, kinds) {
  const card = keep(at("charts"), id, () => {
    const svg = draw("svg", { role: "img" });
    svg.dataset.part = "svg";
    const heading = make("h3", {}, make("span", { textContent: title }), place(make("span", { className: "dim" }), "note"));
    return make("div", { className: "chart" }, heading, svg);
  });
  part(card, "note").textContent = note;
  const svg = part(card, "svg");
  svg.setAttribute("aria-label", `${title}: ${note}`);
  bars(svg, kinds);
}

const CIRCUIT = { closed: "good", open: "bad", half_open: "warn", isolated: "bad" };
const HELD = {
  circuit: { open: "circuit open", isolated: "circuit isolated", half_open: "circuit half-open" },
  gate: { closed: "gate closed", parked: "key parked", probing: "key on probe" },
};
// What keeps calls from a route, or all but a probe.
const held = (told) => [HELD.circuit[told.circuit], HELD.gate[told.gate]].filter(Boolean).join(", ");
const GATE = { open: "good", closed: "warn", reopening: "warn", parked: "bad", probing: "warn" };

function route(told, mayChange) {
  const item = keep(at("routes"), told.route, () => {
    const svg = draw("svg", { role: "img" });
    svg.dataset.part = "svg";
    const circuit = (act) => make("button", {
      type: "button", textContent: act, ariaLabel: `${act} the circuit of ${told.route}`,
      onclick: () => change("/admin/circuit", { route: told.route, do: act }),
    });
    const gate = (words, act) => make("button", {
      type: "button", textContent: words, ariaLabel: `${words} of ${told.route}`,
      onclick: () => change("/admin/gate", { route: told.route, do: act }),
    });
    return make("li", {},
      make("h3", { textContent: told.route }),
      place(make("p"), "circuit"),
      place(make("p"), "gate"),
      place(make("p", { className: "dim" }), "counts"),
      svg,
      place(make("div", { className: "doings" },
        place(make("span", {}, circuit("open"), circuit("close"), circuit("isolate"), circuit("reset")), "on-circuit"),
        place(make("span", {}, gate("park the key", "park"), gate("unpark", "unpark")), "on-gate")), "doings"));
  });
  item.className = `${told.circuit}${HELD.gate[told.gate] ? " held" : ""}`;
  const circuit = part(item, "circuit");
  const probe = told.circuit_seconds === undefined ? "" : `, next probe in ${seconds(told.circuit_seconds)}`;
  const failed = told.circuit === "closed" && told.circuit_calls ? `, ${told.circuit_failures} of ${told.circuit_calls} failed` : "";
  circuit.replaceChildren("circuit ", make("span", { className: `state ${CIRCUIT[told.circuit] || "dim"}`, textContent: told.circuit.replace("_", "-") }), probe + failed);
  const gate = part(item, "gate");
  const waits = [
    told.gate_seconds === undefined ? "" : `, ${seconds(told.gate_seconds)} to go`,
    told.gate_waiting ? `, ${told.gate_waiting} in line` : "",
    told.gate_kind ? ` (${told.gate_kind})` : "",
  ].join("");
  gate.replaceChildren("key ", make("span", { className: `state ${GATE[told.gate] || "dim"}`, textContent: told.gate }), waits);
  const history = told.history;
  const [answered, bad, cut] = [sum(history.answered), sum(history.failed), sum(history.cut_off)];
  const attempts = `${answered} answered, ${bad} failed${cut ? `, ${cut} cut off` : ""}`;
  const limits = told.limits.map((left) => ` · ${left.remaining}${left.limit === null ? "" : ` of ${left.limit}`} ${left.counts.replace("_", " ")} left`).join("");
  part(item, "counts").textContent = `${attempts} in five minutes${limits}`;
  const svg = part(item, "svg");
  svg.setAttribute("aria-label", `attempts on ${told.route}: ${attempts}`);
  bars(svg, [{ values: history.answered, colour: "good" }, { values: history.failed, colour: "bad" }, { values: history.cut_off, colour: "left" }]);
  part(item, "doings").hidden = !mayChange;
  part(item, "on-circuit").hidden = told.circuit === "off";
  part(item, "on-gate").hidden = told.gate === "off";
}

function journey(told) {
  return keep(at("journeys"), `${told.at} ${told.id}`, () => {
    const when = new Date(told.at).toLocaleTimeString();
    const how = `${told.words}, ${told.attempts} attempt${told.attempts === 1 ? "" : "s"} in ${millis(told.took_ms)}, ${millis(told.waited_ms)} of it waiting`;
    const steps = told.steps.map((step) => make("li", { textContent: `${millis(step.at_ms)}  ${step.route ? `${step.route}: ` : ""}${step.what}` }));
    if (told.more_steps) steps.push(make("li", { textContent: `and ${told.more_steps} more` }));
    const title = make("summary", {},
      make("span", { className: `state ${told.outcome === "answered" ? "good" : "bad"}`, textContent: told.outcome === "failed" && told.kind || told.outcome }),
      ` ${when} · ${told.model} · ${how}`);
    return make("li", {}, make("details", {}, title, make("ol", {}, ...steps)));
  });
}

function queue(told, mayChange) {
  at("queue").hidden = told === null;
  if (told === null) return;
  if (told.waiting === undefined) return at("tasks").replaceChildren("the store does not answer");
  const fact = (name, value) => make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }));
  at("tasks").replaceChildren(
    fact("waiting", told.waiting), fact("running", told.running), fact("done", told.done), fact("dead", told.dead),
    fact("oldest", told.oldest_s === null ? "none" : seconds(told.oldest_s)));
  const letters = at("letters");
  const shown = JSON.stringify([told.letters.map((letter) => letter.id), mayChange]);
  if (letters.dataset.shown === shown) return;
  letters.dataset.shown = shown;
  if (!told.letters.length) return letters.replaceChildren();
  const row = (letter) => {
    const doing = (words, act) => make("button", {
      type: "button", textContent: words, ariaLabel: `${words} ${letter.id}`,
      onclick: () => {
        const sure = act !== "drop" || confirm(`Drop the dead letter ${letter.id}? It is gone for good.`);
        if (sure) change("/admin/queue", { do: act, id: letter.id });
      },
    });
    return make("tr", {}, make("td", {}, make("code", { textContent: letter.id })), make("td", { textContent: letter.reason }),
      make("td", {}, ...(mayChange ? [doing("replay", "replay"), " ", doing("drop", "drop")] : [])));
  };
  const all = mayChange ? make("button", { type: "button", textContent: "replay all", onclick: () => change("/admin/queue", { do: "replay" }) }) : "";
  letters.replaceChildren(make("h3", { textContent: "Dead letters" }), make("table", {}, ...told.letters.map(row)), all);
}

function sandbox(told) {
  at("sandbox").hidden = told === null;
  if (told === null) return;
  for (const { provider, mood } of told.providers) {
    const row = keep(at("moods"), provider, () => make("div", { className: "moods", role: "group", ariaLabel: provider },
      make("b", { textContent: provider }),
      ...told.moods.map((mood) => place(make("button", {
        type: "button", textContent: mood.replaceAll("_", " "),
        onclick: () => change("/admin/sandbox", { provider, mood }),
      }), mood))));
    for (const button of row.querySelectorAll("button")) button.ariaPressed = String(button.dataset.part === mood);
  }
}

function standing(routes) {
  const back = routes.filter(held).map((route) => `${route.route} (${held(route)})`);
  if (!back.length) return "all routes let calls through";
  const most = 3;
  const more = back.length > most ? ` and ${back.length - most} more` : "";
  return `${back.length} of ${routes.length} routes held back: ${back.slice(0, most).join(", ")}${more}`;
}

function show(told) {
  const words = `${told.draining ? "draining, " : ""}${standing(told.routes)}`;
  stand(words, ` · up for ${seconds(told.up_s)} · version ${told.version}`);
  at("chains").textContent = told.chains.map((chain) => `${chain.model}: ${chain.routes.join(", then ")}`).join(" · ");
  told.routes.forEach((one) => route(one, told.may_change));
  forget(at("routes"), told.routes.map((one) => one.route));
  const calls = told.calls;
  const [well, recovered, failed, left] = [sum(calls.well), sum(calls.recovered), sum(calls.failed), sum(calls.left)];
  chart("ends", "How calls ended", `${well} at once, ${recovered} recovered, ${failed} failed${left ? `, ${left} left` : ""}`, [
    { values: calls.well, colour: "good" }, { values: calls.recovered, colour: "warn" },
    { values: calls.failed, colour: "bad" }, { values: calls.left, colour: "left" }]);
  chart("took", "Time on average", millis(calls.mean_ms.at(-1) || calls.mean_ms.at(-2)), [{ values: calls.mean_ms, colour: "calm" }]);
  chart("longest", "Longest", millis(Math.max(0, ...calls.longest_ms)), [{ values: calls.longest_ms, colour: "calm" }]);
  queue(told.queue, told.may_change);
  sandbox(told.sandbox);
  at("none").hidden = told.journeys.length > 0;
  const kept = told.journeys.map(journey);
  forget(at("journeys"), kept.map((item) => item.dataset.id));
  // The latest first.
  kept.forEach((item, i) => {
    if (at("journeys").children[i] !== item) at("journeys").insertBefore(item, at("journeys").children[i] || null);
  });
}

async function follow() {
  for (;;) {
    try {
      const answer = await fetch("/live/events", { headers: headers() });
      if (answer.status === 401 || answer.status === 403) {
        const told = await answer.json().catch(() => ({}));
        stand("not shown");
        at("refused").textContent = told.error || "";
        at("key").hidden = false;
        return;
      }
      at("key").hidden = true;
      // A link presents no key.
      at("json").hidden = Boolean(key);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        text += value;
        const events = text.split("\n\n");
        text = events.pop();
        const last = events.pop();
        if (last) show(JSON.parse(last.slice("data: ".length)));
      }
    } catch {
      // It may be there again in a moment.
    }
    stand("not connected");
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("secret").value;
  sessionStorage.setItem("buttress-admin-key", key);
  follow();
});

// In the sandbox: two calls a second, as any client would send them. No more than two at a time:
// a browser has six connections to a server, and the page needs some for itself.
let sending = null;
let sent = 0;
let waiting = 0;
at("traffic").addEventListener("click", () => {
  const on = sending === null;
  at("traffic").ariaPressed = String(on);
  at("traffic").textContent = on ? "Stop sending calls" : "Send calls";
  if (!on) {
    clearInterval(sending);
    sending = null;
    return;
  }
  sending = setInterval(async () => {
    if (waiting >= 2) return;
    waiting += 1;
    sent += 1;
    at("sent").textContent = `${sent} sent`;
    const body = { model: "any", stream: true, messages: [{ role: "user", content: "Hello?" }] };
    const answer = await fetch("/v1/chat/completions", {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    }).catch(() => null);
    await answer?.text().catch(() => "");
    waiting -= 1;
  }, 500);
});

follow();
