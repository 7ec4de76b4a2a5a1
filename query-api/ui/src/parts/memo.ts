import { Component, type ComponentChild, type FunctionComponent, h } from "preact";

/** Renders again only when a property changed: what a list of hundreds of rows needs while it scrolls. */
export function memo<P extends object>(render: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      return differs(this.props, next);
    }
    override render(): ComponentChild {
      return h(render, this.props as P & { children?: never });
    }
  }
  const wrapped = Memo as unknown as FunctionComponent<P>;
  wrapped.displayName = `memo(${render.name})`;
  return wrapped;
}

function differs(a: object, b: object): boolean {
  const one = a as Record<string, unknown>;
  const two = b as Record<string, unknown>;
  for (const key in one) if (!(key in two)) return true;
  for (const key in two) if (one[key] !== two[key]) return true;
  return false;
}
