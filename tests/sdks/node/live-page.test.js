// The gateway's live page in a real browser: it loads, shows a circuit opening and closing again,
// its buttons work with the keyboard, and it fits a phone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import puppeteer from "puppeteer-core";

const gateway = process.env.GATEWAY;
const FIRST = "sandbox-openai";
let browser;
let page;
const asked = [];
const wrong = [];

before(async () => {
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run"],
  });
  page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  page.on("request", (request) => asked.push(request.url()));
  page.on("pageerror", (error) => wrong.push(String(error)));
  // That calls fail is what the sandbox is for.
  const isCall = (message) => message.location().url?.endsWith("/v1/chat/completions");
  page.on("console", (message) => message.type() === "error" && !isCall(message) && wrong.push(message.text()));
  await page.setViewport({ width: 1100, height: 900 });
  await page.goto(gateway);
});

after(() => browser?.close());

const route = (provider) => `#routes > li[data-id^="${provider}"]`;
const mood = (provider, name) => `#moods > div[data-id="${provider}"] button[data-part="${name}"]`;

test("it loads, with nothing from elsewhere", async () => {
  await page.waitForSelector(route(FIRST));
  await page.waitForFunction(() => document.querySelector("#standing").textContent.includes("let calls through"));
  assert.equal((await page.$$("#routes > li")).length, 2);
  assert.equal((await page.$$("#charts svg")).length, 3);
  const visible = await page.$eval("#sandbox", (section) => !section.hidden);
  assert.ok(visible);
  assert.ok(await page.$eval("#json", (link) => !link.hidden));
  for (const url of asked) assert.ok(url.startsWith(gateway) || url.startsWith("data:"), url);
});

test("a provider fails by a button, and its circuit opens and closes again", async () => {
  await page.click(mood(FIRST, "server_error"));
  await page.waitForSelector(`${mood(FIRST, "server_error")}[aria-pressed="true"]`);
  await page.click("#traffic");
  await page.waitForSelector(`${route(FIRST)}.open`);
  await page.waitForFunction(() => / of 2 routes held back: sandbox-openai.*circuit/.test(document.querySelector("#standing").textContent));
  await page.waitForSelector("#journeys > li");
  const journey = await page.$eval("#journeys > li", (item) => item.textContent);
  await page.waitForFunction((route) => /^circuit open, next probe in \d/.test(document.querySelector(route)?.textContent), {}, `${route(FIRST)}.open [data-part="circuit"]`);
  await page.waitForSelector(`${route(FIRST)} svg rect.bad`);
  await page.waitForSelector("#charts svg rect:not(.rest)");
  assert.match(journey, /sandbox-openai.*sandbox-anthropic/s);
  if (process.env.SCREENSHOT) {
    // So that there is something to see.
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await page.click("#journeys > li summary");
    await page.evaluate(() => scrollTo(0, 0));
    await page.screenshot({ path: process.env.SCREENSHOT });
  }
  await page.click(mood(FIRST, "well"));
  await page.waitForSelector(`${route(FIRST)}.closed`);
  await page.click("#traffic");
});

test("a provider that keeps silent does not freeze the page", async () => {
  const providers = [FIRST, "sandbox-anthropic"];
  for (const provider of providers) {
    await page.click(mood(provider, "silent"));
    await page.waitForSelector(`${mood(provider, "silent")}[aria-pressed="true"]`);
  }
  await page.click("#traffic");
  // A call that hung on either of them has come to its end.
  await page.waitForFunction(() => /timeout.*sandbox-anthropic.*timeout/s.test(document.querySelector("#journeys").textContent));
  for (const provider of providers) {
    await page.click(mood(provider, "well"));
    await page.waitForSelector(`${mood(provider, "well")}[aria-pressed="true"]`);
    await page.waitForSelector(`${route(provider)}.closed`);
  }
  await page.click("#traffic");
});

test("a key that is parked is no route that lets calls through", async () => {
  const standing = (words) =>
    page.waitForFunction((words) => document.querySelector("#standing").textContent.includes(words), {}, words);
  await page.click(`${route(FIRST)} button[aria-label^="park the key"]`);
  await standing("(key parked)");
  await page.waitForSelector(`${route(FIRST)}.held`);
  await page.click(`${route(FIRST)} button[aria-label^="unpark"]`);
  await page.waitForSelector(`${route(FIRST)}:not(.held)`);
});

test("a route shows its next probe, what is left of its limits, and how its calls ended", async () => {
  const shown = await page.evaluate(() => {
    const name = "made-up";
    route({
      route: name, circuit: "open", circuit_seconds: 4.2, gate: "open",
      limits: [{ counts: "requests", remaining: 42, limit: 100 }, { counts: "input_tokens", remaining: 7, limit: null }],
      history: { answered: [3, 0], failed: [1, 2], cut_off: [0, 1] },
    }, false);
    const item = document.querySelector(`#routes > li[data-id="${name}"]`);
    const rects = [...item.querySelectorAll("rect:not(.rest)")];
    const bars = rects.map((rect) => [rect.getAttribute("class"), ...["x", "y", "height"].map((side) => +rect.getAttribute(side))]);
    const text = (part) => item.querySelector(`[data-part="${part}"]`).textContent;
    const told = { circuit: text("circuit"), counts: text("counts"), bars };
    item.remove();
    return told;
  });
  assert.equal(shown.circuit, "circuit open, next probe in 4.2 s");
  assert.equal(shown.counts, "3 answered, 3 failed, 1 cut off in five minutes · 42 of 100 requests left · 7 input tokens left");
  // The fullest step has the whole height, one kind upon the other.
  assert.deepEqual(shown.bars, [["good", 0.5, 16.5, 43.5], ["bad", 0.5, 2, 14.5], ["bad", 5.5, 31, 29], ["left", 5.5, 16.5, 14.5]]);
});

test("what went wrong with a change stays to be read", async () => {
  const text = (selector) => page.$eval(selector, (element) => element.textContent);
  await page.evaluate(() => change("/admin/circuit", { route: "none", do: "open" }));
  const told = await text("#alert");
  assert.match(told, /no route of this name/);
  // The browser tells of it as well.
  assert.match(wrong.pop(), /404/);
  const since = await text("#since");
  await page.waitForFunction((since) => document.querySelector("#since").textContent !== since, {}, since);
  assert.equal(await text("#alert"), told);
  assert.doesNotMatch(await text("#standing"), /up for/);
  await page.evaluate((route) => change("/admin/circuit", { route, do: "reset" }),
    await page.$eval(route(FIRST), (item) => item.dataset.id));
  assert.equal(await text("#alert"), "");
});

test("a dead letter can be told from others, and is not dropped by mistake", async () => {
  const asked = await page.evaluate(() => {
    const change = window.change;
    const [dropped, words] = [[], []];
    window.change = (_, body) => dropped.push(body.id);
    let sure = false;
    window.confirm = (question) => words.push(question) && sure;
    const letters = ["019ac0ffee00aaaa", "019ac0ffee00bbbb"].map((id) => ({ id, reason: "overloaded" }));
    queue({ waiting: 0, running: 0, done: 0, dead: 2, oldest_s: null, letters }, true);
    const names = [...document.querySelectorAll("#letters td:first-child")].map((cell) => cell.textContent);
    const drop = document.querySelector(`#letters button[aria-label="drop ${letters[1].id}"]`);
    drop.click();
    const before = dropped.length;
    sure = true;
    drop.click();
    window.change = change;
    return { names, words, before, dropped };
  });
  assert.equal(new Set(asked.names).size, 2);
  assert.equal(asked.words.length, 2);
  assert.match(asked.words[0], /019ac0ffee00bbbb/);
  assert.deepEqual([asked.before, asked.dropped], [0, ["019ac0ffee00bbbb"]]);
});

test("the keyboard reaches every button, and presses it", async () => {
  const selector = `${route(FIRST)} .doings button`;
  await page.focus("#traffic");
  const reached = async () => page.evaluate((selector) => document.activeElement.matches(selector), selector);
  for (let presses = 0; !(await reached()); presses++) {
    assert.ok(presses < 60, "it is not reached");
    await page.keyboard.press("Tab");
  }
  const label = await page.evaluate(() => document.activeElement.ariaLabel);
  assert.match(label, /^open the circuit of sandbox-openai/);
  await page.keyboard.press("Enter");
  await page.waitForSelector(`${route(FIRST)}.open`);
  // It is not taken away by what comes meanwhile.
  assert.ok(await reached());
  for (let presses = 0; presses < 3; presses++) await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector(`${route(FIRST)}.closed`);
});

test("it fits a phone, and the dark", async () => {
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.setViewport({ width: 360, height: 640, isMobile: true, hasTouch: true });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "light" }]);
  const light = await back();
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  assert.notEqual(await back(), light);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(width <= 360, `${width} pixels wide`);
});

test("nothing went wrong meanwhile", () => assert.deepEqual(wrong, []));
