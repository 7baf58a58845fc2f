// Drives a real Chromium through steps that a test says, and tells everything that a page did wrong.
//
// In: JSON on standard input: { url, shots, locale, dark, phone, script, steps }.
// Out: JSON on standard output: { results, problems }. A problem is an error of the console, of a page or of a
// request, a request to another host, a dialog (only a hostile text could open one), or a violation that axe finds.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const plan = JSON.parse(readFileSync(0, "utf8"));
const axe = readFileSync(new URL("axe.min.js", import.meta.url), "utf8");
const problems = [];
const results = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
const context = await browser.newContext({
  locale: plan.locale ?? "en-US",
  colorScheme: plan.dark ? "dark" : "light",
  viewport: plan.phone ? { width: 390, height: 844 } : { width: 1280, height: 900 },
  javaScriptEnabled: plan.script ?? true,
});
context.setDefaultTimeout(60000);
const page = await context.newPage();
let expected = null;
page.on("console", (message) => {
  // A page that a step expects to be refused says so in the console.
  if (message.type() === "error" && !(expected && message.text().includes(`status of ${expected}`))) {
    problems.push(`console of ${page.url()}: ${message.text()}`);
  }
});
page.on("pageerror", (error) => problems.push(`script of ${page.url()}: ${error.message}`));
page.on("dialog", async (dialog) => {
  problems.push(`dialog on ${page.url()}: ${dialog.message()}`);
  await dialog.dismiss();
});
page.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(plan.url) && !url.startsWith("data:")) problems.push(`request to ${url}`);
});

const open = async (path, status = 200) => {
  expected = status === 200 ? null : status;
  const answer = await page.goto(plan.url + path);
  if (answer.status() !== status) throw new Error(`${path} answered ${answer.status()}, not ${status}`);
  return answer;
};

/** A moment as the clocks of the organisation show it, to the minute. */
const local = (text) => new Date(Date.parse(text) + 8 * 3600000).toISOString().slice(0, 16);

/** The fields of a payload by name, as the form calls them. */
const flat = async (value, name, into) => {
  const typed = name.includes(".") && await page.locator(`textarea[name="${name}"]`).count() > 0;
  if (typed && value !== null && typeof value === "object" && !Array.isArray(value)) {
    // A map is typed as lines.
    into.push([name, Object.entries(value).map(([key, member]) => `${key}: ${member}`).join("\n")]);
    return;
  }
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) {
    if (value.length > 0) into.push([name, value.join("\n")]);
  } else if (Array.isArray(value)) {
    for (const [number, item] of value.entries()) await flat(item, `${name}.${number}`, into);
  } else if (value !== null && typeof value === "object") {
    for (const [key, member] of Object.entries(value)) await flat(member, `${name}.${key}`, into);
  } else {
    into.push([name, String(value)]);
  }
};

const fill = async (payload) => {
  const fields = [];
  await flat(payload, "p", fields);
  for (const [name, value] of fields) {
    // A field of a group that is one of several: the group is chosen first. A further row is asked for.
    const parts = name.split(".");
    for (let end = 2; end < parts.length; end += 1) {
      const above = parts.slice(0, end).join(".");
      const which = page.locator(`select[name="${above}"]`);
      if (await which.count() > 0) await which.selectOption(parts[end]);
      if (/^\d+$/.test(parts[end])) {
        while (await page.locator(`[name^="${above}.${parts[end]}"]`).count() === 0) {
          await page.locator(`button[value="${above}"]`).click();
        }
      }
    }
    const field = page.locator(`[name="${name}"]`);
    if (await field.count() !== 1) throw new Error(`${page.url()} has ${await field.count()} fields \`${name}\``);
    const tag = await field.evaluate((element) => element.tagName);
    const type = await field.getAttribute("type");
    if (tag === "SELECT") await field.selectOption(value);
    else await field.fill(type === "datetime-local" ? local(value) : value);
  }
};

/** Previews what a form would do and does it; the case it then shows. */
const carryOut = async () => {
  const send = page.locator("button[value=send]");
  if (await send.count() === 0) await page.locator("form.card button.primary").click();
  if (await send.count() === 0) {
    throw new Error(`${page.url()} shows no preview: ${await page.locator("main").innerText()}`);
  }
  const told = await page.locator(".flash.note").innerText();
  await send.click();
  // Who may not see the case is led back to the first page.
  const id = /\/cases\/([^/?#]+)$/.exec(page.url())?.[1];
  if (!id && new URL(page.url()).pathname !== "/") {
    throw new Error(`not sent: ${await page.locator("main").innerText()}`);
  }
  return { told, id };
};

const check = async (name) => {
  const html = await page.content();
  if (plan.shots) await page.screenshot({ path: `${plan.shots}/${name}.png`, fullPage: true });
  if (plan.script ?? true) {
    // The page's own policy stays in force: axe is put in by the debugger, not by the page.
    const session = await context.newCDPSession(page);
    await session.send("Runtime.evaluate", { expression: axe });
    const run = "axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })"
      + ".then((found) => JSON.stringify(found.violations.map((v) => v.id + ': ' + v.nodes.slice(0, 3)"
      + ".map((n) => n.target.join(' ') + ' ' + (n.failureSummary ?? '')).join(' | '))))";
    const found = await session.send("Runtime.evaluate", { expression: run, awaitPromise: true });
    for (const violation of JSON.parse(found.result.value)) problems.push(`axe on ${page.url()}: ${violation}`);
    await session.detach();
  }
  if (!(plan.script ?? true)) return { url: page.url(), bytes: Buffer.byteLength(html) };
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (overflow > 1) problems.push(`${page.url()} is ${overflow} pixels wider than the window`);
  return { url: page.url(), bytes: Buffer.byteLength(html), lang: await page.getAttribute("html", "lang") };
};

const steps = {
  async sign_in(token) {
    await open("/sign-in");
    await page.fill("#token", token);
    await page.click("button.primary");
    if (new URL(page.url()).pathname === "/sign-in") throw new Error("not signed in");
  },
  async sign_out() {
    await page.locator("form[action='/sign-out'] button").click();
  },
  async goto({ path, status }) {
    await open(path, status);
  },
  async start({ workflow, payload }) {
    await open(`/start/${workflow}`);
    await fill(payload);
    return carryOut();
  },
  async send({ id, event, payload }) {
    await open(`/cases/${id}`);
    const link = page.locator(`a[href="/cases/${id}/send/${event}"]`);
    if (await link.count() === 0) throw new Error(`\`${event}\` is not offered`);
    if (!(await link.isVisible())) await page.locator("details:has(a.button) > summary").first().click();
    await link.click();
    await fill(payload);
    return carryOut();
  },
  async form({ path, payload }) {
    await open(path);
    await fill(payload);
    return carryOut();
  },
  /** Puts `text` into every field of text of a form, rows of lists included, and looks at what comes back. */
  async hostile({ path, text }) {
    await open(path);
    const lists = await page.locator("button[name=_more]").evaluateAll((all) => all.map((button) => button.value));
    for (const list of lists) await page.locator(`button[value="${list}"]`).click();
    const filled = await page.evaluate((text) => {
      const fields = [...document.querySelectorAll("form.card textarea, form.card input[name^='p.'][type=text]")];
      for (const field of fields) field.value = text;
      return fields.length;
    }, text);
    const preview = page.locator("form.card button.primary");
    if (await preview.count() > 0) await preview.click();
    const made = await page.locator("main script, main img[src=x]").count();
    if (made > 0) throw new Error(`${path} made ${made} elements of a text`);
    return filled;
  },
  async lacks_offer({ id, event }) {
    await open(`/cases/${id}`);
    const link = page.locator(`a[href="/cases/${id}/send/${event}"]`);
    if (await link.count() > 0) throw new Error(`\`${event}\` is offered`);
  },
  async fill(payload) {
    await fill(payload);
  },
  async set({ selector, value }) {
    const field = page.locator(selector);
    if (await page.locator(`select${selector}`).count() > 0) await field.selectOption(value);
    else await field.fill(value);
  },
  async waits(selector) {
    await page.locator(selector).first().waitFor({ state: "attached" });
  },
  async click(selector) {
    await page.locator(selector).first().click();
  },
  async sees(text) {
    await page.getByText(text).first().waitFor();
  },
  async lacks(text) {
    if (await page.getByText(text).count() > 0) throw new Error(`${page.url()} shows “${text}”`);
  },
  async text(selector) {
    return page.locator(selector).first().innerText();
  },
  async attribute({ selector, name }) {
    return page.locator(selector).first().getAttribute(name);
  },
  async eval(expression) {
    return page.evaluate(expression);
  },
  async check(name) {
    return check(name);
  },
};

try {
  for (const step of plan.steps) {
    const [name, argument] = Object.entries(step)[0];
    try {
      results.push((await steps[name](argument)) ?? null);
    } catch (error) {
      throw new Error(`${JSON.stringify(step).slice(0, 300)}: ${error.message}`);
    }
  }
} catch (error) {
  problems.push(error.message);
}
await browser.close();
console.log(JSON.stringify({ results, problems }));
