// Sorting and filtering. Without this script every row is there, in the order of the report.
"use strict";
(() => {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const lists = new Map();
  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };
  const slug = (text) => text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");

  class List {
    constructor(root) {
      this.key = root.dataset.list;
      this.root = root;
      this.tables = [...root.querySelectorAll("table.data")];
      this.heads = this.tables.map((table) => [...table.tHead.rows[0].cells]);
      this.columns = this.heads[0].map((head) => head.textContent.trim());
      this.rows = this.tables.map((table) =>
        [...table.tBodies[0].rows].map((row) => ({ row, text: null, cells: null })));
      this.total = this.rows.reduce((sum, rows) => sum + rows.length, 0);
      this.text = "";
      this.filters = new Map();
      this.sort = null;
      this.build();
    }

    build() {
      this.search = element("input", { type: "search", autocomplete: "off" });
      this.search.addEventListener("input", () => { this.text = this.search.value; this.changed(); });
      // There are many filters, and a screen reader names each without what is around it.
      const [only] = this.tables.length === 1 ? this.tables : [];
      const name = (only?.caption ?? this.root.previousElementSibling)?.textContent ?? this.key;
      this.search.setAttribute("aria-label", `Filter ${name}`);
      this.status = element("output", {});
      this.tools = element("div", { className: "tools" },
        element("label", {}, "Filter ", this.search));
      // A matrix has too many columns for a filter of each; sorting by one shows who holds it.
      if (this.columns.length <= 20) {
        this.inputs = this.columns.map((name) => {
          const input = element("input", { type: "search", autocomplete: "off" });
          input.addEventListener("input", () => { this.filters.set(slug(name), input.value); this.changed(); });
          return input;
        });
        this.panel = element("div", { className: "columns", hidden: true },
          ...this.columns.map((name, at) => element("label", {}, name, this.inputs[at])));
        this.toggle = element("button", { type: "button", textContent: "Filter by column" });
        this.toggle.setAttribute("aria-expanded", "false");
        this.toggle.addEventListener("click", () => this.open(this.panel.hidden));
        this.tools.append(this.toggle);
      }
      this.clear = element("button", { type: "button", textContent: "Clear", hidden: true });
      this.clear.addEventListener("click", () => {
        this.set(new URLSearchParams());
        keep(this);
        this.search.focus();
      });
      this.tools.append(this.clear, this.status);
      if (this.panel) this.tools.append(this.panel);
      this.root.prepend(this.tools);
      for (const heads of this.heads) {
        heads.forEach((head, at) => {
          const button = element("button", { type: "button", className: "sort" });
          button.append(...head.childNodes);
          button.addEventListener("click", () => { this.turn(at); });
          head.append(button);
        });
      }
      this.show();
    }

    open(wanted) {
      this.panel.hidden = !wanted;
      this.toggle.setAttribute("aria-expanded", String(wanted));
    }

    // Ascending, descending, then the order of the report again.
    turn(at) {
      const key = slug(this.columns[at]);
      this.sort = this.sort === key ? `-${key}` : this.sort === `-${key}` ? null : key;
      this.arrange();
      keep(this);
    }

    changed() {
      this.show();
      keep(this);
    }

    cells(entry) {
      entry.cells ??= [...entry.row.cells].map((cell) => cell.textContent.trim());
      return entry.cells;
    }

    show() {
      const words = this.text.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = this.columns
        .map((name, at) => [at, (this.filters.get(slug(name)) ?? "").trim().toLowerCase()])
        .filter(([, text]) => text);
      const isFiltered = words.length > 0 || wanted.length > 0;
      let shown = 0;
      this.rows.forEach((rows, at) => {
        const group = this.tables[at].closest(".group");
        const name = group && words.length > 0 ? group.querySelector("h4").textContent.toLowerCase() : "";
        let inGroup = 0;
        for (const entry of rows) {
          let fits = true;
          if (isFiltered) {
            entry.text ??= this.cells(entry).join("\n").toLowerCase();
            fits = words.every((word) => entry.text.includes(word) || name.includes(word))
              && wanted.every(([column, text]) => this.cells(entry)[column].toLowerCase().includes(text));
          }
          if (entry.row.hidden === fits) entry.row.hidden = !fits;
          if (fits) inGroup += 1;
        }
        if (group) group.hidden = isFiltered && inGroup === 0;
        shown += inGroup;
      });
      for (const group of this.root.querySelectorAll(".group")) {
        if (!group.querySelector("table")) group.hidden = isFiltered;
      }
      this.status.textContent = isFiltered ? `${shown} of ${this.total} rows${this.reason(words, wanted)}` : `${this.total} rows`;
      this.tools.classList.toggle("active", isFiltered);
      this.clear.hidden = !isFiltered && this.sort === null;
    }

    // What is filtered by, for readers of a printed page.
    reason(words, wanted) {
      const parts = words.length > 0 ? [`“${words.join(" ")}”`] : [];
      for (const [at, text] of wanted) parts.push(`${this.columns[at]} “${text}”`);
      return ` with ${parts.join(", ")}`;
    }

    arrange() {
      const descending = this.sort?.startsWith("-") ?? false;
      const key = descending ? this.sort.slice(1) : this.sort;
      const column = this.columns.findIndex((name) => slug(name) === key);
      this.tables.forEach((table, at) => {
        this.heads[at].forEach((head, other) => {
          if (other === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
          else head.removeAttribute("aria-sort");
        });
        const rows = [...this.rows[at]];
        if (column >= 0) {
          rows.sort((a, b) => {
            const [one, other] = [this.cells(a)[column], this.cells(b)[column]];
            // What is not known comes last, in either order.
            if (!one || !other) return Number(!one) - Number(!other);
            return descending ? collator.compare(other, one) : collator.compare(one, other);
          });
        }
        table.tBodies[0].append(...rows.map((entry) => entry.row));
      });
      this.clear.hidden = this.sort === null && !this.tools.classList.contains("active");
    }

    set(state) {
      this.text = state.get(this.key) ?? "";
      this.search.value = this.text;
      this.filters.clear();
      this.columns.forEach((name, at) => {
        const value = state.get(`${this.key}.${slug(name)}`) ?? "";
        if (value) this.filters.set(slug(name), value);
        if (this.inputs) this.inputs[at].value = value;
      });
      if (this.panel && this.filters.size > 0) this.open(true);
      const sort = state.get(`${this.key}.sort`);
      const isNew = sort !== this.sort;
      this.sort = sort;
      this.show();
      if (isNew) this.arrange();
    }

    get(state) {
      if (this.text) state.set(this.key, this.text);
      for (const [column, value] of this.filters) {
        if (value) state.set(`${this.key}.${column}`, value);
      }
      if (this.sort) state.set(`${this.key}.sort`, this.sort);
    }
  }

  // The address: `#section?people=ann&people.seat=owner&people.sort=-last-login`.
  const split = () => {
    const hash = location.hash.slice(1);
    const at = hash.indexOf("?");
    return at < 0 ? [hash, null] : [hash.slice(0, at), new URLSearchParams(hash.slice(at + 1))];
  };
  const state = () => {
    const all = new URLSearchParams();
    for (const list of lists.values()) list.get(all);
    return all.toString();
  };
  let waiting = 0;
  const replace = (anchor) => {
    clearTimeout(waiting);
    const query = state();
    history.replaceState(null, "", `#${anchor}${query ? `?${query}` : ""}`);
  };
  // Browsers refuse an address that changes with every key.
  const keep = (list) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => replace(list.root.closest("section").id), 200);
  };
  // What `:target` does, which knows nothing of addresses with a filter.
  const mark = (target) => {
    document.querySelector(".target")?.classList.remove("target");
    target?.classList.add("target");
  };
  const follow = () => {
    const [anchor, query] = split();
    mark(null);
    if (query === null) {
      // A link of the page: the filters stay, and so do they in the address.
      if (anchor && state()) replace(anchor);
      return;
    }
    for (const list of lists.values()) list.set(query);
    const target = document.getElementById(anchor);
    target?.scrollIntoView();
    mark(target);
  };

  for (const root of document.querySelectorAll("[data-list]")) {
    if (root.querySelector("table.data")) lists.set(root.dataset.list, new List(root));
  }
  follow();
  addEventListener("hashchange", follow);
})();
