import type { ComponentChildren } from "preact";
import { CopyButton } from "../parts/CopyButton";

const SNIPPET = `import sightline

sightline.configure(service="checkout")`;

const ENVIRONMENT = `export OTEL_SERVICE_NAME=checkout
export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317`;

/** How the first data gets in. */
export function SendData() {
  return (
    <div class="send-data">
      <Way title="Look at the demo shop">
        <Code text="sightline up --demo" />
      </Way>
      <Way title="Send one trace by hand">
        <Code text="sightline send" />
      </Way>
      <Way title="From Python">
        <Code text={SNIPPET} />
      </Way>
      <Way title="From any OpenTelemetry SDK">
        <Code text={ENVIRONMENT} />
        <p class="hint">
          OTLP over gRPC on port <code>4317</code>, over HTTP on port <code>4318</code>.
        </p>
      </Way>
    </div>
  );
}

function Way({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Code({ text }: { text: string }) {
  return (
    <div class="code">
      <pre>{text}</pre>
      <CopyButton text={text} label="command" />
    </div>
  );
}
