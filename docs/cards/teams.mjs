// What Teams makes of a card's words: fonts, distances and colours after its published design tokens (Fluent UI 2).

const sizes = { small: 12, default: 14, medium: 16, large: 18, extraLarge: 24 };
const spacing = { small: 6, default: 8, medium: 12, large: 20, extraLarge: 30, padding: 16 };

function style(background, text, subtle) {
  const colour = { default: text, subtle };
  const foregroundColors = Object.fromEntries(
    ["default", "dark", "light", "accent", "good", "warning", "attention"].map((name) => [name, colour]));
  return { backgroundColor: background, foregroundColors };
}

function theme({ page, card, border, text, subtle, grounds }) {
  const containerStyles = Object.fromEntries(Object.entries(grounds).map(([name, ground]) => [name, style(ground, text, subtle)]));
  return {
    page, card, border, text,
    config: {
      fontFamily: '"Segoe UI", "Noto Sans", sans-serif',
      fontSizes: sizes,
      fontWeights: { lighter: 200, default: 400, bolder: 600 },
      lineHeights: { small: 16, default: 20, medium: 22, large: 24, extraLarge: 32 },
      spacing, containerStyles,
      supportsInteractivity: true,
      actions: { maxActions: 6, spacing: "default", buttonSpacing: 8, actionsOrientation: "horizontal", actionAlignment: "left" },
      factSet: { title: { weight: "bolder", maxWidth: 150, wrap: true }, value: { wrap: true }, spacing: 12 },
    },
  };
}

export const themes = {
  light: theme({
    page: "#f5f5f5", card: "#ffffff", border: "#e0e0e0", text: "#242424", subtle: "#616161",
    grounds: { default: "#ffffff", emphasis: "#f0f0f0", good: "#e7f2da", attention: "#f9dada", warning: "#fbeed3", accent: "#deecf9" },
  }),
  dark: theme({
    page: "#1f1f1f", card: "#292929", border: "#3d3d3d", text: "#ffffff", subtle: "#adadad",
    grounds: { default: "#292929", emphasis: "#383838", good: "#1f3a1f", attention: "#4a1f22", warning: "#47371a", accent: "#1b3450" },
  }),
};
