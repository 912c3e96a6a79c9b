// The widget does the talking; this page only listens. Every event of the call comes as "antiphon:" with its name.
const widget = document.querySelector("antiphon-call");
const count = document.querySelector("#count");

for (const name of ["user.completed", "user.message"]) {
  widget.addEventListener(`antiphon:${name}`, () => (count.value = Number(count.value) + 1));
}

// A tool that runs in this page: it is added to each call as soon as there is one.
widget.addEventListener("antiphon:connection.changed", ({ detail }) => {
  if (detail.state !== "connecting") return;
  widget.call.addTool({
    name: "set_title",
    description: "Changes the heading of the page.",
    parameters: { type: "object", properties: { title: { type: "string" } }, required: ["title"] },
    run: ({ title }) => {
      document.querySelector("h1").textContent = title;
      return "done";
    },
  });
});
