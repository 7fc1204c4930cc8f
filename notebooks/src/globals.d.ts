/** What Notebook Kit gives to cells, as far as these notebooks use it. */
declare function display<T>(value: T): T;
declare function view<T extends HTMLElement & { value: unknown }>(element: T): T["value"];
declare function FileAttachment(path: string): { text(): Promise<string> };
declare function md(template: readonly string[], ...values: readonly unknown[]): HTMLElement;
