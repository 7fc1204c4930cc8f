/** What Notebook Kit gives to cells, as far as these notebooks use it. */
declare function display<T>(value: T): T;
declare function view<T extends HTMLElement & { value: unknown }>(element: T): T["value"];
