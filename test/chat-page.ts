import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { REPOSITORY, registerCleanup } from '@holdfast/testkit';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';

const SCREENSHOTS = join(REPOSITORY, '.holdfast', 'screenshots');

/** Starts the Chromium of this machine. Ended by `stopAll`. */
export async function startChromium(): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: findChromium(),
    // Chromium's sandbox refuses to run as root, which is the user in many containers. It visits our own pages only.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
  registerCleanup('chromium', () => browser.close());
  return browser;
}

function findChromium(): string {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Chromium is not in this folder.
      }
    }
  }
  throw new Error('there is no chromium in PATH');
}

/** The chat page in a context of its own: another person's browser. */
export class ChatPage {
  readonly page: Page;
  /** Uncaught errors, error messages and refused content of the page. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(`${message.text()} ${message.location().url}`);
    });
  }

  static async open(
    browser: Browser,
    url: string,
    options: Parameters<Browser['newContext']>[0] = {},
  ): Promise<ChatPage> {
    const context: BrowserContext = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
    const chat = new ChatPage(await context.newPage());
    await chat.page.goto(url);
    return chat;
  }

  /** Another tab of the same browser. */
  async openTab(): Promise<ChatPage> {
    const tab = new ChatPage(await this.page.context().newPage());
    await tab.page.goto(this.page.url());
    return tab;
  }

  get persistence(): Locator {
    return this.page.getByLabel('Session Persistence');
  }

  /** The field in which a message is written. */
  get draft(): Locator {
    return this.page.getByLabel('Message', { exact: true });
  }

  get messages(): Locator {
    return this.page.getByRole('log', { name: 'Messages' });
  }

  card(session: string): Locator {
    return this.page.getByRole('listitem', { name: `Session ${session}`, exact: true });
  }

  /** Adds a session as the guide says: an id, then "Add Session". Without an id the page makes one up. */
  async addSession(session: string): Promise<void> {
    await this.page.getByLabel('Session ID').fill(session);
    await this.page.getByRole('button', { name: 'Add Session' }).click();
  }

  async openSession(session: string): Promise<void> {
    await this.page.getByRole('button', { name: `Open session ${session}` }).click();
  }

  async waitUntilConnected(): Promise<void> {
    await this.page.getByRole('status', { name: 'Connection' }).getByText('Connected', { exact: true }).waitFor();
  }

  async send(content: string): Promise<void> {
    await this.draft.fill(content);
    await this.draft.press('Enter');
  }

  /** Waits until a message is shown. */
  async sees(content: string): Promise<void> {
    await this.messages.getByText(content, { exact: true }).first().waitFor();
  }

  /** The contents among these that the page shows, from the top down. A content that is shown twice is listed twice. */
  async shown(contents: readonly string[]): Promise<string[]> {
    const lines = (await this.messages.innerText()).split('\n').map((line) => line.trim());
    return lines.filter((line) => contents.includes(line));
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: 'disabled' });
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
