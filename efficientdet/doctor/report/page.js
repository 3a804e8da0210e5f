"use strict";
document.documentElement.classList.add("scripted");

const list = document.querySelector(".findings");
const rows = list ? Array.from(list.children) : [];
const search = document.querySelector("input[type=search]");

function isWanted(row) {
  for (const button of document.querySelectorAll("[data-filter][aria-pressed=false]")) {
    if (row.dataset[button.dataset.filter] === button.dataset.value) return false;
  }
  return !search.value || row.textContent.toLowerCase().includes(search.value.toLowerCase());
}

function showWanted() {
  for (const row of rows) row.hidden = !isWanted(row);
  document.querySelector(".none").hidden = rows.some((row) => !row.hidden);
}

// Numbers are sorted from the greatest, but for the order of the report itself; texts by the alphabet.
function compareRows(key) {
  if (key === "worst") return (a, b) => a.dataset.worst - b.dataset.worst;
  if (key === "cost" || key === "count") return (a, b) => b.dataset[key] - a.dataset[key];
  return (a, b) => a.dataset[key].localeCompare(b.dataset[key], undefined, { numeric: true });
}

for (const button of document.querySelectorAll("[data-filter]")) {
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") === "true" ? "false" : "true");
    showWanted();
  });
}
if (search) search.addEventListener("input", showWanted);

for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    for (const other of document.querySelectorAll("[data-sort]")) other.setAttribute("aria-pressed", other === button);
    list.append(...rows.sort(compareRows("worst")).sort(compareRows(button.dataset.sort)));
  });
}

for (const heading of document.querySelectorAll(".sortable th")) {
  heading.firstElementChild.addEventListener("click", () => {
    const isNumber = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort") || (isNumber ? "ascending" : "descending");
    const direction = before === "ascending" ? "descending" : "ascending";
    for (const other of heading.parentElement.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const body = heading.closest("table").tBodies[0];
    const value = (row) => row.cells[heading.cellIndex];
    const sign = direction === "ascending" ? 1 : -1;
    const compare = isNumber
      ? (a, b) => value(a).dataset.value - value(b).dataset.value
      : (a, b) => value(a).textContent.localeCompare(value(b).textContent, undefined, { numeric: true });
    body.append(...Array.from(body.rows).sort((a, b) => sign * compare(a, b)));
  });
}

// What is folded on the screen is printed all the same.
addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll(".findings > details:not([open])")) {
    folded.open = true;
    folded.dataset.unfolded = "";
  }
});
addEventListener("afterprint", () => {
  for (const folded of document.querySelectorAll("details[data-unfolded]")) folded.open = false;
});
