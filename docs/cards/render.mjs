// Renders cards as Teams would, at a desktop's and a phone's width, light and dark, and checks that hostile text stays text.
//
//   npm ci && npm run pictures        (needs Chromium, and the connector's binary: `cargo build`)
//
// CHROMIUM and ARGUS_M365 name the two programs where they are elsewhere.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";
import { themes } from "./teams.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const argus = process.env.ARGUS_M365 ?? join(here, "../../target/debug/argus-m365");
const widths = { desktop: 560, phone: 340 };

const minutes = (count) => new Date(Date.now() + count * 60_000).toISOString();
const outages = [
  {
    outageId: "OUT-9921", version: 3, title: "Cable fault at Mill Lane substation", status: "investigating",
    customersAffected: 1240, utilityType: "electricity", severity: "major",
    description: "Crews are isolating the fault. The hospital is on its own supply.",
    area: { name: "North Ward", zoneIds: ["Z-014", "Z-015"] }, startedAt: minutes(-25), estimatedRestorationAt: minutes(130),
    cause: "Damaged by excavation", url: "https://argus.example/outages/OUT-9921",
  },
  {
    outageId: "OUT-9921", version: 7, title: "Cable fault at Mill Lane substation", status: "restored",
    customersAffected: 0, utilityType: "electricity", severity: "major",
    area: { name: "North Ward" }, startedAt: minutes(-165), restoredAt: minutes(-4),
    cause: "Damaged by excavation", url: "https://argus.example/outages/OUT-9921",
  },
];
const hostile = {
  outageId: "x", title: "[pay](https://evil.example) **now** <at>everyone</at> `a` _b_ ~~c~~", status: "reported", customersAffected: 1,
  utilityType: "gas", area: { name: "# <b>x</b> ![y](https://evil.example/y.png)" }, cause: "1. a\n2. b\n\n> c\n\n- d\n\n---",
  description: "- [a]: https://evil.example\n* b\n+ c\n{{DATE(2026-01-01T00:00:00Z, SHORT)}} www.evil.example ann@evil.example <https://evil.example>",
};

function cardOf(outage) {
  const file = join(mkdtempSync(join(tmpdir(), "card-")), "outage.json");
  writeFileSync(file, JSON.stringify(outage));
  return JSON.parse(execFileSync(argus, ["teams", "preview", "--file", file, "--time-zone", "Europe/Dublin"], { encoding: "utf8" }));
}

async function pageWith(browser, cards, theme, width) {
  const page = await browser.newPage();
  await page.setViewport({ width: width + 32, height: 400, deviceScaleFactor: 1 });
  await page.setContent(`<style>
      body { margin: 0; padding: 16px; background: ${theme.page}; font-family: "Segoe UI", "Noto Sans", sans-serif; }
      .card { width: ${width}px; margin: 0 0 14px; background: ${theme.card}; border: 1px solid ${theme.border}; border-radius: 8px; overflow: hidden; }
      .card:last-child { margin: 0; }
      .ac-pushButton { font: 600 14px "Segoe UI", "Noto Sans", sans-serif; padding: 6px 16px; border-radius: 4px; border: 1px solid ${theme.border};
        background: ${theme.card}; color: ${theme.text}; }
    </style><body></body>`);
  await page.addScriptTag({ path: join(here, "node_modules/adaptivecards/dist/adaptivecards.min.js") });
  await page.addScriptTag({ path: join(here, "node_modules/markdown-it/dist/browser/markdown-it.umd.min.js") });
  await page.evaluate((cards, config) => {
    const markdown = window.markdownit({ linkify: true });
    AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
      result.outputHtml = markdown.render(text);
      result.didProcess = true;
    };
    for (const card of cards) {
      const shown = new AdaptiveCards.AdaptiveCard();
      shown.hostConfig = new AdaptiveCards.HostConfig(config);
      shown.parse(card);
      const frame = document.createElement("div");
      frame.className = "card";
      frame.appendChild(shown.render());
      document.body.appendChild(frame);
    }
  }, cards, theme.config);
  return page;
}

const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-lcd-text"] });
try {
  const page = await pageWith(browser, [cardOf(hostile)], themes.light, widths.desktop);
  const markup = await page.evaluate(() =>
    [...document.querySelectorAll(".card a, .card img, .card em, .card strong, .card s, .card code, .card ul, .card ol, .card h1, .card hr, .card blockquote, .card b")]
      .map((element) => element.outerHTML));
  if (markup.length > 0) throw new Error(`hostile text became markup: ${markup.join("\n")}`);
  const cards = outages.map(cardOf);
  for (const [name, theme] of Object.entries(themes)) {
    for (const [device, width] of Object.entries(widths)) {
      const page = await pageWith(browser, cards, theme, width);
      const file = join(here, `${device}-${name}.png`);
      await page.screenshot({ path: file, fullPage: true });
      console.log(`${file} ${readFileSync(file).length} bytes`);
    }
  }
} finally {
  await browser.close();
}
