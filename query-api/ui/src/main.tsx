import { render } from "preact";
import { App } from "./app/App";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/values.css";
import "./style/tables.css";
import "./style/lists.css";
import "./style/journey.css";
import "./style/trace.css";
import "./style/panel.css";
import "./style/letters.css";
import "./style/ledger.css";

const root = document.getElementById("app");
if (root) render(<App />, root);
