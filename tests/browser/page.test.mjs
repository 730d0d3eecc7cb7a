// The page at `/` in a real browser: it loads, shows live events, and its stop button stops.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { chromium } from "playwright-core";

const program = process.env.INTERLOCK_BIN;
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const patience = { timeout: 30_000 };

let folder, host, ready, browser;

before(async () => {
  assert.ok(program, "INTERLOCK_BIN names the host's binary");
  folder = await mkdtemp(join(tmpdir(), "interlock-page-"));
  const flags = ["up", "--demo", "--json", "--data", join(folder, "data"), "--http", "127.0.0.1:0", "--mqtt-listen", "127.0.0.1:0"];
  host = spawn(program, flags, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  ready = await new Promise((resolve, reject) => {
    host.once("exit", (code) => reject(new Error(`the host ended with ${code} before it was ready`)));
    // Records of the demo come before and after the one line that has the address.
    createInterface({ input: host.stdout }).on("line", (line) => {
      const said = JSON.parse(line);
      if (said.url) resolve(said);
    });
  });
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  if (host && host.exitCode === null) {
    host.kill("SIGTERM");
    await once(host, "exit");
  }
  await rm(folder, { recursive: true, force: true });
});

test("the page loads, shows what happens, and stops", async () => {
  const page = await browser.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.goto(`${ready.url}/#token=${ready.token}`);
  await page.getByText("greenhouse").first().waitFor(patience);
  await page.locator("#feed").getByText("ESP_01").first().waitFor(patience);

  await page.locator("#reason").fill("the browser test");
  await page.locator("#stop").click();
  await page.locator('#safety[data-state="stopped"]').waitFor(patience);

  const headers = { authorization: `Bearer ${ready.token}` };
  const safety = await (await fetch(`${ready.url}/api/v1/safety`, { headers })).json();
  assert.equal(safety.stopped, true);
  assert.deepEqual(problems, []);
});
