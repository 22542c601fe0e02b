export default {
  testEnvironment: "jsdom",
  setupFiles: ["<rootDir>/tests/setup.ts"],
  testMatch: ["<rootDir>/tests/**/*.test.ts"],
  modulePathIgnorePatterns: ["<rootDir>/dist"],
  transform: { "\\.ts$": ["ts-jest", { tsconfig: "tsconfig.test.json", diagnostics: false }] },
};
