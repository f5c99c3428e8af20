// Keeps a page as it would be if it were loaded again: every part (data-part) that has changed is
// replaced, every so many seconds (data-every) as the page itself says. A hidden tab rests. Where
// it cannot be loaded, it says since when it stands still.

const LEAST_SECONDS = 1;
const AWAY_SECONDS = 15; // after a request that failed

let current = new Date(); // when it was as it is on the server
const stale = document.createElement("p");
stale.id = "stale";
stale.className = "note bad";
stale.role = "status";
stale.ariaLive = "polite";
stale.hidden = true;
document.querySelector("main").prepend(stale);

function tell(words) {
  if (stale.textContent !== words) stale.textContent = words;
  stale.hidden = words === "";
}

function time(moment) {
  const shown = { hour: "2-digit", minute: "2-digit", timeZone: "Asia/Hong_Kong" };
  return moment.toLocaleTimeString("en-GB", shown);
}

function seconds() {
  const part = document.querySelector("[data-every]");
  return Math.max(LEAST_SECONDS, Number(part?.dataset.every) || AWAY_SECONDS);
}

function replace(part, fresh) {
  const twin = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
  if (twin === null || twin.outerHTML === part.outerHTML) return;
  if (part.getAttribute("aria-live")) {
    // The element stays, so that what is new in it is read out.
    if (part.textContent.trim() !== twin.textContent.trim()) part.textContent = twin.textContent;
    return;
  }
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  if (focused !== null && focused.tagName !== "A") return; // somebody is about to press a button
  const next = document.importNode(twin, true);
  part.replaceWith(next);
  if (focused !== null) {
    [...next.querySelectorAll("a")].find((one) => one.href === focused.href)?.focus();
  }
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { "X-Live": "1" } });
  if (answer.redirected || answer.status === 401 || answer.status === 403) {
    location.reload(); // logged out meanwhile
    return;
  }
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) replace(part, fresh);
}

async function live() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds()));
    if (document.hidden) {
      await new Promise((resolve) =>
        document.addEventListener("visibilitychange", resolve, { once: true }),
      );
    }
    try {
      await refresh();
      current = new Date();
      tell("");
    } catch (error) {
      console.warn("not refreshed:", error.message);
      tell(`Not up to date since ${time(current)}`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * AWAY_SECONDS));
    }
  }
}

live();
