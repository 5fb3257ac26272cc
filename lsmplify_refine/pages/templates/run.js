"use strict";
// The table of all clips: it draws one sheet of rows at a time, so that ten thousand clips stay quick.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const SHEET = 50;
  const [NAME, STATUS, GROUPS, FRAMES, UNIT, BEFORE, AFTER, JITTER, JITTER_AFTER, SLIDE, SLIDE_AFTER, SECONDS, CODES, FILES,
    LINK, REASON, WORSE] = Array.from({ length: 17 }, (_, at) => at);
  const STATES = ["done", "failed", "not begun"];
  const get = (id) => document.getElementById(id);
  const element = (tag, text, className) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const plain = (value) => {
    if (value === null) return "–";
    const size = Math.abs(value);
    return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
  };
  const change = (row) => (row[BEFORE] > 0 ? row[AFTER] / row[BEFORE] - 1 : null);
  const percent = (value) => (value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(0)} %`);
  const pair = (before, after) => (before === null ? "–" : `${plain(before)} → ${plain(after)}`);
  const has = (at) => data.rows.some((row) => row[at] !== null);

  // head, value to sort by, text; a column without values is left out
  const columns = [
    { head: "clip", value: (row) => row[NAME] },
    ...data.groups.map((name, at) => ({ head: name, value: (row) => data.values[row[GROUPS][at]] })),
    { head: "frames", value: (row) => row[FRAMES], number: true },
    { head: "error", value: (row) => row[AFTER], text: (row) => pair(row[BEFORE], row[AFTER]) + (row[UNIT] < 0 ? "" : ` ${data.units[row[UNIT]]}`), number: true },
    { head: "change", value: change, text: (row) => percent(change(row)), number: true },
    ...(has(JITTER) ? [{ head: "jitter", value: (row) => row[JITTER_AFTER], text: (row) => pair(row[JITTER], row[JITTER_AFTER]), number: true }] : []),
    ...(has(SLIDE) ? [{ head: "foot slide", value: (row) => row[SLIDE_AFTER], text: (row) => pair(row[SLIDE], row[SLIDE_AFTER]), number: true }] : []),
    { head: "seconds", value: (row) => row[SECONDS], text: (row) => plain(row[SECONDS]), number: true },
    { head: "notes", value: (row) => row[CODES].length, number: true },
  ];

  const links = (row) => {
    const cell = element("td", undefined, "files");
    const folder = row[LINK] || `./${row[NAME]}`;
    const stem = folder.slice(folder.lastIndexOf("/") + 1);
    for (const at of row[FILES]) {
      const [kind, pattern] = data.files[at];
      const anchor = element("a", kind);
      anchor.href = `${folder}/${pattern.replace("*", () => stem)}`;
      cell.append(anchor, " ");
    }
    return cell;
  };

  // long names may break after a slash
  const named = (name) => {
    const cell = element("th", undefined, "clip");
    cell.scope = "row";
    name.split("/").forEach((part, at, parts) => cell.append(at + 1 < parts.length ? `${part}/` : part, element("wbr")));
    return cell;
  };

  const line = (row) => {
    const made = element("tr", undefined, STATES[row[STATUS]] === "failed" ? "failed" : "");
    const first = named(row[NAME]);
    if (row[REASON]) first.append(element("small", row[REASON], "reason"));
    else if (STATES[row[STATUS]] !== "done") first.append(element("small", STATES[row[STATUS]]));
    made.append(first, links(row));
    for (const column of columns.slice(1)) {
      const text = column.text ? column.text(row) : String(column.value(row) ?? "–");
      made.append(element("td", text, column.number ? "n" : ""));
    }
    return made;
  };

  // what is chosen
  let sheet = 0;
  let order = { at: null, down: false };
  const wanted = [];
  const options = (select, texts) => texts.forEach((text, at) => {
    const option = element("option", text);
    option.value = String(at - 1);
    select.append(option);
  });
  options(get("status"), ["all", ...STATES, "got worse"]);
  const filter = (label, words, test) => {
    const made = element("label", label);
    const select = element("select");
    options(select, ["all", ...words]);
    made.append(" ", select);
    get("filters").append(made);
    wanted.push((row) => select.value === "-1" || test(row, Number(select.value)));
    select.addEventListener("change", () => show(0));
  };
  data.groups.forEach((name, at) => {
    const used = [...new Set(data.rows.map((row) => row[GROUPS][at]))];
    if (used.length > 1 && used.length <= 200) filter(name, used.map((one) => data.values[one]), (row, one) => row[GROUPS][at] === used[one]);
  });
  if (data.codes.length) filter("note", data.codes, (row, one) => row[CODES].includes(one));

  const chosen = () => {
    const text = get("find").value.toLowerCase();
    const status = Number(get("status").value);
    const kept = data.rows.filter((row) => (status < 0 || (status === STATES.length ? row[WORSE] : row[STATUS] === status))
      && (!text || row[NAME].toLowerCase().includes(text)) && wanted.every((test) => test(row)));
    if (order.at === null) return kept;
    const value = columns[order.at].value;
    const sign = order.down ? -1 : 1;
    // what has no value comes last in either order
    return kept.map((row) => [value(row), row]).sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return sign * (typeof a === "number" ? a - b : a.localeCompare(b));
    }).map(([, row]) => row);
  };

  const show = (to) => {
    const rows = chosen();
    const last = Math.max(0, Math.ceil(rows.length / SHEET) - 1);
    sheet = Math.min(Math.max(to, 0), last);
    const begin = sheet * SHEET;
    const shown = rows.slice(begin, begin + SHEET);
    document.querySelector("#clips tbody").replaceChildren(...shown.map(line));
    get("count").textContent = `${rows.length} of ${data.rows.length} clips`;
    get("where").textContent = rows.length ? `${begin + 1} to ${begin + shown.length}` : "none";
    get("back").disabled = sheet === 0;
    get("on").disabled = sheet === last;
  };

  const heads = document.querySelector("#clips thead tr");
  columns.forEach((column, at) => {
    const head = element("th", undefined, column.number ? "n" : "");
    head.scope = "col";
    const button = element("button", column.head);
    button.type = "button";
    button.addEventListener("click", () => {
      order = { at, down: order.at === at ? !order.down : false };
      for (const other of heads.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      show(0);
    });
    head.append(button);
    heads.append(head);
  });
  const files = element("th", "files");
  files.scope = "col";
  heads.insertBefore(files, heads.children[1]);
  get("find").addEventListener("input", () => show(0));
  get("status").addEventListener("change", () => show(0));
  get("back").addEventListener("click", () => show(sheet - 1));
  get("on").addEventListener("click", () => show(sheet + 1));
  show(0);
})();
