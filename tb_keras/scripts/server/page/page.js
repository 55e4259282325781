"use strict";

const byId = (id) => document.getElementById(id);
const PAGE = 24;
const TEXTS = 5;
let asked = null;  // what is shown: {text}, {id} or {file}
let offset = 0;
let canShowBoxes = false;
let turn = 0;  // an answer that comes after a later question is not shown

function options() {
  const chosen = new URLSearchParams();
  if (byId("filter").value.trim()) chosen.set("filter", byId("filter").value.trim());
  if (byId("least_score").value !== "") chosen.set("least_score", byId("least_score").value);
  if (byId("distinct").checked) chosen.set("distinct", "true");
  return chosen;
}

function address(question) {
  const chosen = options();
  if (question.text) chosen.set("q", question.text);
  if (question.id) chosen.set("id", question.id);
  return "?" + chosen;
}

async function answers(question, of, k, from) {
  const chosen = of === "images" ? options() : new URLSearchParams();
  chosen.set("of", of);
  chosen.set("k", k);
  chosen.set("offset", from);
  if (question.file) {
    return fetch("api/search?" + chosen, { method: "POST", body: question.file });
  }
  if (question.id) {
    chosen.set("id", question.id);
    return fetch("api/similar?" + chosen);
  }
  chosen.set("q", question.text);
  return fetch("api/search?" + chosen);
}

function shown(answer) {
  const item = byId("answer").content.cloneNode(true);
  const name = answer.id.split("/").pop();
  item.querySelector("img").src = answer.picture;
  item.querySelector("img").alt = name;
  item.querySelector(".picture").href = answer.picture + "&size=1600";
  item.querySelector(".name").textContent = name;
  const values = Object.entries(answer.attributes).filter(([, value]) => value !== null);
  const about = values.map(([key, value]) => `${key} ${value}`);
  item.querySelector(".about").textContent = [answer.score.toFixed(3), ...about].join(", ");
  const alike = item.querySelector(".alike");
  alike.href = "?id=" + encodeURIComponent(answer.id);
  alike.addEventListener("click", (event) => {
    event.preventDefault();
    ask({ id: answer.id }, true);
  });
  return item;
}

function drawn(item, found) {
  const [left, top, right, bottom] = found.box;
  const longer = Math.max(found.width, found.height);  // the picture lies in a square
  const across = (longer - found.width) / 2, down = (longer - found.height) / 2;
  const sides = {
    left: across + left, top: down + top, width: right - left, height: bottom - top,
  };
  const frame = document.createElement("span");
  frame.className = "box";
  for (const [side, pixels] of Object.entries(sides)) {
    frame.style[side] = `${(100 * pixels) / longer}%`;
  }
  item.querySelector(".picture").append(frame);
  item.querySelector(".about").textContent += `, box ${found.score.toFixed(2)}`;
}

async function showBoxes(items, answers, text) {
  const mine = turn;
  for (const [at, answer] of answers.entries()) {
    const response = await fetch("api/box?" + new URLSearchParams({ id: answer.id, q: text }));
    if (mine !== turn) return;
    const found = response.ok ? await response.json() : {};
    if (found.box) drawn(items[at], found);
  }
}

async function show() {
  const mine = ++turn;
  byId("status").textContent = "Searching …";
  let response;
  try {
    response = await answers(asked, "images", PAGE, offset);
  } catch {
    if (mine === turn) byId("status").textContent = "The server does not answer.";
    return;
  }
  const content = await response.json();
  if (mine !== turn) return;
  if (!response.ok) {
    const detail = content.detail;
    byId("status").textContent = typeof detail === "string" ? detail : "The server refused this.";
    return;
  }
  byId("answers").append(...content.answers.map(shown));
  const items = [...byId("answers").children].slice(offset);
  offset += content.answers.length;
  byId("next").hidden = !content.more;
  byId("status").textContent = offset ? `${offset} pictures` : "Nothing fits.";
  if (canShowBoxes && asked.text && byId("boxes").checked) {
    showBoxes(items, content.answers, asked.text);
  }
}

async function showTexts() {
  const mine = turn;
  if (asked.text) return;
  const response = await answers(asked, "texts", TEXTS, 0);
  if (mine !== turn || !response.ok) return;
  const items = (await response.json()).answers.map((answer) => {
    const item = document.createElement("li");
    item.textContent = `${answer.id} (${answer.score.toFixed(3)})`;
    return item;
  });
  byId("texts").replaceChildren(...items);
  byId("words").hidden = !items.length;
}

function ask(question, remember) {
  asked = question;
  offset = 0;
  byId("answers").replaceChildren();
  byId("next").hidden = true;
  byId("words").hidden = true;
  if (question.text) byId("q").value = question.text;
  if (remember && !question.file) history.pushState(null, "", address(question));
  show();
  showTexts();
}

function fromAddress() {
  const given = new URLSearchParams(location.search);
  byId("filter").value = given.get("filter") ?? "";
  byId("least_score").value = given.get("least_score") ?? "";
  byId("distinct").checked = given.get("distinct") === "true";
  byId("more-options").open = ["filter", "least_score", "distinct"].some((name) => given.has(name));
  if (given.get("id")) ask({ id: given.get("id") }, false);
  else if (given.get("q")) ask({ text: given.get("q") }, false);
}

byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("q").value.trim();
  if (text) ask({ text }, true);
});
byId("file").addEventListener("change", () => {
  if (byId("file").files.length) ask({ file: byId("file").files[0] }, true);
});
byId("next").addEventListener("click", show);
addEventListener("popstate", fromAddress);
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (event.dataTransfer.files.length) ask({ file: event.dataTransfer.files[0] }, true);
});

fetch("api/info").then((response) => response.json()).then((info) => {
  byId("status").textContent ||= `${info.images.toLocaleString()} pictures`;
  byId("attributes").textContent = Object.keys(info.attributes).join(", ");
  canShowBoxes = info.boxes;
  byId("where").hidden = !info.boxes;
}).finally(fromAddress);
