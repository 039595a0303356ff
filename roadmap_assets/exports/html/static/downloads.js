// The topics shown, as files: the columns of the command line's own exports.
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

function answersOf(topic) {
  const all = { tldr: topic.tldr, challenge: topic.challenge, ...topic.answers };
  return Object.keys(data.headers).map((column) => all[column] ?? "");
}

const asText = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function table(resourceText) {
  const header = ["Category", "Subcategory", "Topic", "Description", "Resources", ...Object.values(data.headers)];
  const rows = shownTopics().map((topic) => [
    topic.category ?? "",
    topic.subcategory ?? "",
    topic.topic,
    topic.text,
    resourceText(topic.resources),
    ...answersOf(topic).map(asText),
  ]);
  return [header, ...rows];
}

const DOWNLOADS = {
  csv() {
    const cell = (text) => `"${(FORMULA.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
    const rows = table((resources) => resources.map(([, url]) => url).join("|"));
    save(`${data.roadmap}.csv`, "text/csv", rows.map((row) => `${row.map(cell).join(",")}\r\n`).join(""));
  },
  jsonl() {
    const lines = shownTopics().map((topic) => {
      const resources = topic.resources.map(([title, url, type]) => ({ title, url, type }));
      const { id: topic_id, category = "", subcategory = "", path, text: description } = topic;
      const answers = Object.fromEntries(Object.keys(data.headers).map((column, at) => [column, answersOf(topic)[at] || null]));
      return `${JSON.stringify({ roadmap: data.roadmap, topic_id, topic: topic.topic, category, subcategory, path, description, resources, ...answers })}\n`;
    });
    save(`${data.roadmap}.jsonl`, "application/jsonl", lines.join(""));
  },
  xlsx() {
    const rows = table((resources) => resources.map(([title, url, kind]) => `${title} (${kind}) ${url}`).join("\n"));
    save(`${data.roadmap}.xlsx`, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", workbook(rows));
  },
};

function wireDownloads() {
  for (const button of document.querySelectorAll("[data-download]"))
    button.addEventListener("click", () => DOWNLOADS[button.dataset.download]());
}
