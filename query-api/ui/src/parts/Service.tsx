import { usePalette } from "../app/palette";
import { servicePath, useHref } from "../app/place";
import { Text } from "./Text";

interface ServiceProps {
  service: string;
  /** Off where the name stands inside another link or button. */
  link?: boolean;
}

/** A service's name with its colour. */
export function ServiceName({ service, link = false }: ServiceProps) {
  const colour = usePalette().colourOf(service);
  const href = useHref();
  const name = <Text>{service || "(no service name)"}</Text>;
  return (
    <span class={`service service-${colour}`}>
      <span class="service-dot" aria-hidden="true" />
      {link ? <a href={href(servicePath(service))}>{name}</a> : name}
    </span>
  );
}
